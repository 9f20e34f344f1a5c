"""Waiting for a condition until a deadline, never for a length of time."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = 0.02
LONG = 60.0
"""Seconds that nothing takes on the slowest machine: waiting costs time only where something is broken."""


def wait_for(condition: Callable[[], T], *, seconds: float = LONG, what: str = "") -> T:
    """The first true result of ``condition``.

    Raises
    ------
    TimeoutError
        When it has stayed false for ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        _check(deadline, what or repr(condition))
        time.sleep(_PAUSE)
    return result


async def wait_for_async(condition: Callable[[], T], *, seconds: float = LONG, what: str = "") -> T:
    """:func:`wait_for` inside an event loop."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        _check(deadline, what or repr(condition))
        await asyncio.sleep(_PAUSE)
    return result


def _check(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"still not true at the deadline: {what}")
