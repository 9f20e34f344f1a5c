"""Answers on their way out."""

import asyncio
from collections.abc import Callable

from stillcold_sim.wire.answers import Answer


class Outbox:
    """Sends answers at their time; the bytes of two never mix.

    Parameters
    ----------
    write : callable
        Takes bytes, also after the far end has gone.
    close : callable
        Ends the connection.
    """

    def __init__(self, write: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._write, self._close = write, close
        self._loop = asyncio.get_running_loop()
        self._free = 0.0

    def put(self, answer: Answer) -> None:
        """Send an answer when it is due."""
        if answer.delay:
            self._loop.call_later(answer.delay, self._begin, answer)
        else:
            self._begin(answer)

    def _begin(self, answer: Answer) -> None:
        now = self._loop.time()
        if now < self._free:
            self._loop.call_at(self._free, self._begin, answer)
        elif answer.gap:
            self._free = now + answer.gap * len(answer.data)
            for i in range(len(answer.data)):
                self._loop.call_at(now + answer.gap * i, self._write, answer.data[i : i + 1])
            if answer.closes:
                self._loop.call_at(self._free, self._close)
        else:
            self._write(answer.data)
            if answer.closes:
                self._close()
