"""Pieces on their way from one side to the other."""

import asyncio
import heapq
from contextlib import suppress

_LIMIT = 1024
"""Pieces on the way at most; beyond that the sender waits, as it does before a full socket."""


class Line:
    """Pieces in the order in which they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, bytes | None]] = []
        self._number = 0
        self._in_order = 0.0
        self._latest = 0.0
        self._room = asyncio.Semaphore(_LIMIT)
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def put(self, data: bytes, delay: float, held: float) -> None:
        """Send a piece: ``delay`` s later and behind those before it, then held back for ``held`` s."""
        self._in_order = max(self._in_order, self._loop.time() + delay)
        await self._push(self._in_order + held, data)

    async def end(self) -> None:
        """Nothing follows what is on its way."""
        await self._push(self._latest, None)

    async def get(self) -> bytes | None:
        """The next piece when it is due; None after the last."""
        while True:
            wait = self._heap[0][0] - self._loop.time() if self._heap else None
            if wait is not None and wait <= 0:
                self._room.release()
                return heapq.heappop(self._heap)[2]
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    async def _push(self, due: float, data: bytes | None) -> None:
        await self._room.acquire()
        self._latest = max(self._latest, due)
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, data))
        self._changed.set()
