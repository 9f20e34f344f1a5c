"""The event loop that everything of the agent runs in."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")
TICK = 0.001
"""s that the loop's timers count in, from one that has begun, and round to."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do ``work`` to its end in a loop of its own, and give what it gives.

    Notes
    -----
    What a reading costs beside its decoding is mostly the loop's: see ``docs/decisions/0027-event-loop.md``.

    Examples
    --------
    >>> import asyncio
    >>> run(asyncio.sleep(0, "done"))
    'done'
    """
    return uvloop.run(work)


async def sleep(seconds: float) -> None:
    """Sleep for no less than that, where :func:`asyncio.sleep` may end up to a tick and a half too early."""
    await asyncio.sleep(seconds + 1.5 * TICK if seconds > 0 else 0)
