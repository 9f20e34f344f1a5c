"""One connection on which questions are asked in turn, each question once."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from stillcold_agent.config import Bus, RtuBus
from stillcold_agent.meters import Answer
from stillcold_agent.modbus.client import Client
from stillcold_agent.tools.plan import silence
from stillcold_core.readings import Absence

Heard = Callable[[], None]


class Line:
    """A bus while it is probed.

    Parameters
    ----------
    settings : Bus
        Where it leads.
    asked : callable
        Called after each question, for whoever shows progress.
    """

    def __init__(self, settings: Bus, asked: Heard) -> None:
        self._client, self._asked = Client(settings), asked
        self._gap = silence(settings) if isinstance(settings, RtuBus) else 0.0
        self._timeout = settings.timeout
        self._known: dict[tuple[int, int, int, int], Answer] = {}

    async def __aenter__(self) -> Self:
        await self._client.connect()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    @property
    def connected(self) -> bool:
        """Whether there is anything at the other end."""
        return self._client.connected

    async def ask(self, unit: int, function: int, address: int, count: int) -> tuple[Answer, float]:
        """The answer, and the seconds that it took.

        Garbage may be the late answer of the unit before, so it is asked for once more when the line is quiet.
        """
        answer, seconds = await self._ask(unit, function, address, count)
        if answer is Absence.BAD_REPLY:
            await asyncio.sleep(self._timeout)
            answer, seconds = await self._ask(unit, function, address, count)
        self._asked()
        return answer, seconds

    async def words(self, unit: int, function: int, address: int, count: int) -> Answer:
        """The answer to a question that may have been asked before."""
        question = unit, function, address, count
        if question not in self._known:
            self._known[question], _ = await self.ask(*question)
        return self._known[question]

    async def _ask(self, unit: int, function: int, address: int, count: int) -> tuple[Answer, float]:
        if not self._client.connected:
            await self._client.connect()
        if self._gap:
            await asyncio.sleep(self._gap)
        began = time.monotonic()
        answer = await self._client.read(unit, function, address, count)
        return answer, time.monotonic() - began
