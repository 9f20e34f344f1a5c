"""The agent's little web server: two pages to read, and nothing that a client can do to slow the reading of meters."""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from stillcold_agent.counts import Counts

log = logging.getLogger(__name__)
MOST_CLIENTS = 4
MOST_HEAD = 4096
"""Bytes of a request's line and headers."""
_PATIENCE = 5.0  # s that a client has for its request and for taking the answer
_RETRY = 60.0  # s between attempts to listen
_FORGIVEN = (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page shows."""

    content: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK


Page = Callable[[], Awaitable[Answer]]


class Listener:
    """Serves pages by GET, one request a connection, in the event loop that reads the meters.

    Parameters
    ----------
    host, port : str, int
        Where.
    pages : mapping of str to callable
        By path.
    counts : Counts
        ``http_refused`` counts clients beyond the four that are served at a time, ``http_bad_request`` those that sent
        no request, too much or too slowly.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Page], counts: Counts) -> None:
        self._host, self._port, self._pages, self._counts = host, port, pages, counts
        self._clients = 0

    async def run(self) -> None:
        """Serve until cancelled. An address that cannot be had is said once and tried again; nothing else waits."""
        if not ipaddress.ip_address(self._host).is_loopback:
            log.warning("metrics are shown to whoever reaches %s port %d", self._host, self._port)
        server = await self._listen()
        log.info("metrics at http://%s:%d/metrics", self._host, self._port)
        async with server:
            await server.serve_forever()

    async def _listen(self) -> asyncio.Server:
        said = False
        while True:
            try:
                # A short backlog: more than are served at a time need not wait.
                return await asyncio.start_server(
                    self._serve, self._host, self._port, limit=MOST_HEAD, backlog=MOST_CLIENTS
                )
            except OSError as error:
                if not said:
                    log.error("cannot listen on %s port %d: %s", self._host, self._port, error.strerror)
                said = True
                await asyncio.sleep(_RETRY)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= MOST_CLIENTS:
            self._counts.add("http_refused")
            writer.transport.abort()
            return
        self._clients += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._converse(reader, writer)
        except _FORGIVEN:
            self._counts.add("http_bad_request")
        finally:
            self._clients -= 1
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await self._answer(head.split(b"\r\n", 1)[0])
        writer.write(_framed(answer))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def _answer(self, line: bytes) -> Answer:
        method, _, rest = line.decode("latin-1").partition(" ")
        page = self._pages.get(rest.partition(" ")[0].partition("?")[0])
        if page is None:
            return _plain(HTTPStatus.NOT_FOUND)
        return await page() if method == "GET" else _plain(HTTPStatus.METHOD_NOT_ALLOWED)


def _plain(status: HTTPStatus) -> Answer:
    return Answer(f"{status.phrase}\n".encode(), "text/plain", status)


def _framed(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.content)}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + answer.content
