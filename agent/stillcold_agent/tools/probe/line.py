"""One connection on which questions are asked in turn, each question once."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from stillcold_agent.config import RtuBus, RtuOverTcpBus, TcpBus
from stillcold_agent.meters import Answer
from stillcold_agent.modbus.connection import Connection
from stillcold_agent.modbus.frames import question
from stillcold_agent.modbus.lines import line_of
from stillcold_core.readings import Absence

Heard = Callable[[], None]
ProbedBus = RtuBus | RtuOverTcpBus | TcpBus
"""What can be probed: a device, or an address."""


class Line:
    """A bus while it is probed.

    Parameters
    ----------
    settings : RtuBus, RtuOverTcpBus or TcpBus
        Where it leads.
    asked : callable
        Called after each question, for whoever shows progress.
    """

    def __init__(self, settings: ProbedBus, asked: Heard) -> None:
        self._line, self._asked = line_of(settings), asked
        self._connection: Connection | None = None
        self._timeout = settings.timeout
        self._known: dict[tuple[int, int, int, int], Answer] = {}

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()

    @property
    def connected(self) -> bool:
        """Whether there is anything at the other end."""
        return self._connection is not None and self._connection.open

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
        asked = unit, function, address, count
        if asked not in self._known:
            self._known[asked], _ = await self.ask(*asked)
        return self._known[asked]

    async def _ask(self, unit: int, function: int, address: int, count: int) -> tuple[Answer, float]:
        if not self.connected:
            await self._connect()
        if self._connection is None:
            return Absence.DISCONNECTED, 0.0
        began = time.monotonic()
        answer = await self._connection.ask(question(unit, function, address, count))
        return answer, time.monotonic() - began

    async def _connect(self) -> None:
        with contextlib.suppress(OSError):
            self._connection = await self._line.connect()
