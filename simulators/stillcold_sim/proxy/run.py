"""Running proxies."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import numpy as np

from stillcold_sim.door import Door, break_off
from stillcold_sim.proxy.model import ProxyFile, Route, Trouble
from stillcold_sim.proxy.packets import NotMqtt
from stillcold_sim.proxy.pump import Counts, Pump
from stillcold_sim.proxy.weather import Weather

_log = logging.getLogger(__name__)
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_TICK = 0.02  # s between two looks at outages


@dataclass(frozen=True, slots=True)
class Proxies:
    """What is running.

    Attributes
    ----------
    ports : dict of str to (str, int)
        Where each route listens.
    counts : dict of str to Counts
        What passed, by route.
    troubles : list of Trouble
        What goes wrong, and when; those that are added or taken away count from then on.
    watch : Task
        Ends only when a route cannot be opened again after an outage.
    """

    ports: dict[str, tuple[str, int]]
    counts: dict[str, Counts]
    troubles: list[Trouble]
    watch: asyncio.Task[None]


@asynccontextmanager
async def proxying(file: ProxyFile) -> AsyncIterator[Proxies]:
    """Open all routes, and let time run until the block is left.

    Raises
    ------
    OSError
        When an address cannot be had.
    """
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        gates, troubles = [], list(file.trouble)
        for route in file.route:
            gates.append(gate := _Gate(route, file.seed, troubles, began))
            stack.push_async_callback(gate.close)
        for gate in gates:
            await gate.look()
        watch = asyncio.create_task(_watch(gates))
        stack.push_async_callback(_stop, watch)
        places = {g.route.id: (g.door.host, g.door.port) for g in gates}
        yield Proxies(places, {g.route.id: g.counts for g in gates}, troubles, watch)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _watch(gates: "list[_Gate]") -> None:
    while True:
        for gate in gates:
            await gate.look()
        await asyncio.sleep(_TICK)


class _Gate:
    """A route, its door and the connections through it."""

    def __init__(self, route: Route, seed: int, troubles: Sequence[Trouble], began: float) -> None:
        chance = np.random.default_rng([seed, *route.id.encode()])

        def now() -> float:
            return time.monotonic() - began

        self.route, self.counts = route, Counts()
        self.door = Door(route.host, route.port)
        self._now = now
        self._up = Weather(route.id, "up", troubles, now, chance)
        self._down = Weather(route.id, "down", troubles, now, chance)
        self._troubles = troubles
        self._tasks: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        """Open or shut, as it should be now."""
        now = self._now()
        mine = (t for t in self._troubles if t.what == "outage" and t.route in {None, self.route.id})
        out = any(t.rest(now) > 0 for t in mine)
        if out:
            await self.door.shut(self._abort)
        elif not self.door.is_open:
            await self.door.open(self._protocol)

    async def close(self) -> None:
        """Break everything off, and give the number back."""
        await self.door.shut(self._abort)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.door.release()

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._take)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _abort(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counts.connections += 1
        far = await self._reach()
        sides = [writer, far[1]] if far else [writer]
        whole = far is not None and await self._carry((reader, writer), far)
        for side in sides:
            if whole:
                side.close()
            else:
                break_off(side.transport)
        for side in sides:
            with suppress(ConnectionError):
                await side.wait_closed()

    async def _reach(self) -> _Streams | None:
        try:
            return await asyncio.open_connection(self.route.to_host, self.route.to_port)
        except OSError as error:
            _log.warning("%s: %s", self.route.id, error)
            self.counts.refused_upstream += 1
        except asyncio.CancelledError:
            self.counts.broken += 1
        return None

    async def _carry(self, near: _Streams, far: _Streams) -> bool:
        """Whether both sides came to their end."""
        up = Pump(near[0], far[1], self._up, packets=self.route.mqtt, counts=self.counts)
        down = Pump(far[0], near[1], self._down, packets=self.route.mqtt, counts=self.counts)
        whole = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(up.run())
                group.create_task(down.run())
        except* NotMqtt as error:
            _log.warning("%s: %s", self.route.id, error.exceptions)
            whole = False
        except* (OSError, asyncio.CancelledError):
            whole = False
        self.counts.broken += not whole
        return whole
