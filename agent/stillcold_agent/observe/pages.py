"""The pages ``/metrics`` and ``/health``."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec

from stillcold_agent.observe.exposition import CONTENT_TYPE, render
from stillcold_agent.observe.health import judge
from stillcold_agent.observe.http import Answer
from stillcold_agent.observe.metrics import FAMILIES
from stillcold_agent.observe.snapshot import Observer


def pages(observer: Observer) -> Mapping[str, Callable[[], Awaitable[Answer]]]:
    """Both, by path."""

    async def metrics() -> Answer:
        return Answer(render(FAMILIES, await observer.look()), CONTENT_TYPE)

    async def health() -> Answer:
        found = judge(await observer.look())
        status = HTTPStatus.OK if found.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(msgspec.json.encode(found), "application/json", status)

    return {"/metrics": metrics, "/health": health}
