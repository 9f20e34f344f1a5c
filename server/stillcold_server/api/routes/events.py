"""A stream of server-sent events: something under a topic has changed."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from stillcold_server.api.guard import InScope, Overseer, session_behind
from stillcold_server.api.services import Served, Services

router = APIRouter(tags=["events"])
_ALIVE = 15.0  # s between signs of life, so that neither end takes a broken connection for a quiet one
_PAUSE = 0.25  # s in which the same topic is told once


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def events(services: Served, who: Overseer, _: InScope) -> StreamingResponse:
    """Events ``alerts`` and ``lines`` without content: ask again for what you show. Ends with the session.

    The first event, ``ready``, says that every change from here on is told: ask once after it. Where nothing changes,
    ``alive`` comes every 15 s: who hears nothing for longer has lost the connection.
    """
    headers = {"X-Accel-Buffering": "no"}  # nginx would hold events back
    return StreamingResponse(_stream(services, who.token), media_type="text/event-stream", headers=headers)


async def _stream(services: Services, token: str) -> AsyncIterator[str]:
    clock = asyncio.get_running_loop().time
    checked = clock()
    with services.hub.subscribe() as changes:
        # The answer's head is on its way before anything is subscribed to: only this says that nothing more is missed.
        yield "retry: 3000\nevent: ready\ndata: ready\n\n"
        while True:
            try:
                async with asyncio.timeout(_ALIVE):
                    topic = await anext(changes)
            except TimeoutError:
                yield "event: alive\ndata: alive\n\n"
            except StopAsyncIteration:
                return
            else:
                yield f"event: {topic}\ndata: {topic}\n\n"
                await asyncio.sleep(_PAUSE)
            if clock() - checked >= _ALIVE:
                if not await run_in_threadpool(_still_logged_in, services, token):
                    return
                checked = clock()


def _still_logged_in(services: Services, token: str) -> bool:
    return session_behind(services, token) is not None
