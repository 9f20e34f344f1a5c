"""Playing a scenario: its ports are open, and time runs."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from stillcold_sim.clock import Clock, iso
from stillcold_sim.meter import Refused, SimMeter
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Fault, Port, Scenario, seconds
from stillcold_sim.wire import DevicePort, PtyPort, RtuLine, TcpPort

_TICK = 0.02  # s of real time between two looks at the clock
_RECENT = 300  # events of the truth that are kept at hand


@dataclass(frozen=True, slots=True)
class Served:
    """A scenario that is being played.

    Attributes
    ----------
    scenario : Scenario
        What is played.
    plant : Plant
        Its meters.
    clock : Clock
        Its time.
    ports : dict of str to TcpPort or RtuLine
        By the id of the port.
    recent : deque of record
        The last events of the truth.
    """

    scenario: Scenario
    plant: Plant
    clock: Clock
    ports: dict[str, TcpPort | RtuLine]
    recent: deque[Record]
    _player: "_Player"
    _runner: asyncio.Task[None]

    def tcp(self, port: str) -> tuple[str, int]:
        """Host and number of a TCP port.

        Raises
        ------
        KeyError
            When the scenario has no TCP port of that id.
        """
        found = self.ports[port]
        if not isinstance(found, TcpPort):
            raise KeyError(port)
        return found.host, found.port

    def pty(self, port: str) -> str:
        """Device of an RTU port.

        Raises
        ------
        KeyError
            When the scenario has no RTU port of that id.
        """
        found = self.ports[port]
        if not isinstance(found, RtuLine):
            raise KeyError(port)
        return found.device

    async def present(self) -> float:
        """Play everything up to now; the simulated time, s."""
        now = self.clock.now()
        await self._player.play(now)
        return now

    async def reached(self, t: float) -> None:
        """Wait until simulated time is ``t`` (s) and everything up to then has been played."""
        # Looked at again and again, because the clock may be held or run at another speed meanwhile.
        while (left := t - self.clock.now()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(_TICK if self.clock.paused else min(left / self.clock.speed, 0.5))
        await self._player.play(t)

    async def ended(self) -> None:
        """Wait until the story is over; for ever where it has no end."""
        duration = seconds(self.scenario.file.duration)
        over: asyncio.Task[object] = asyncio.create_task(self.reached(duration) if duration else _never())
        try:
            await asyncio.wait({over, self._runner}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
        for task in (self._runner, over):
            if task.done():
                task.result()

    def listing(self) -> dict[str, Any]:
        """What listens where, for programs."""
        file = self.scenario.file
        return {
            "scenario": file.name,
            "speed": self.clock.speed,
            "started": iso(self.clock.started),
            "ports": {name: _place(port) for name, port in self.ports.items()},
            "meters": {
                m.id: {"port": m.port, "unit": m.unit, "profile": m.profile, "point": m.point} for m in file.meter
            },
        }


@asynccontextmanager
async def serving(
    scenario: Scenario, *, speed: float | None = None, seed: int | None = None, truth: Path | None = None
) -> AsyncIterator[Served]:
    """Open a scenario's ports and let its time run until the block is left.

    Parameters
    ----------
    scenario : Scenario
        What to play.
    speed, seed : optional
        Instead of the scenario's.
    truth : Path, optional
        File to write the truth to, JSON lines.

    Raises
    ------
    OSError
        When a port cannot be opened or the truth file not be written.
    """
    async with AsyncExitStack() as stack:
        lines = stack.enter_context(truth.open("w", encoding="utf-8")) if truth else None
        units: dict[str, dict[int, _Unit]] = {p.id: {} for p in scenario.file.port}
        ports: dict[str, TcpPort | RtuLine] = {}
        for port in scenario.file.port:
            ports[port.id] = _open(port, units[port.id], scenario.file.seed if seed is None else seed)
            stack.push_async_callback(ports[port.id].close)
        clock = Clock(speed or scenario.file.speed)
        recent: deque[Record] = deque(maxlen=_RECENT)
        plant = Plant(scenario, seed, _writer(lines, clock, recent))
        for meter in plant.meters.values():
            units[meter.plan.spec.port][meter.plan.spec.unit] = _Unit(meter, plant, clock)
        player = _Player(plant, [(ports[p.id], p) for p in scenario.file.port], lines)
        await player.play(0.0)
        runner = asyncio.create_task(_run(player, clock))
        stack.push_async_callback(_stop, runner)
        yield Served(scenario, plant, clock, ports, recent, player, runner)


class _Player:
    """Brings meters, ports and truth file to a time."""

    def __init__(self, plant: Plant, doors: Sequence[tuple[TcpPort | RtuLine, Port]], lines: IO[str] | None) -> None:
        self._plant, self._doors, self._lines = plant, doors, lines
        self._busy = asyncio.Lock()

    async def play(self, t: float) -> None:
        async with self._busy:
            self._plant.advance(t)
            for door, port in self._doors:
                if isinstance(door, TcpPort):
                    await door.accept(not self._plant.refuses(port, t))
            if self._lines:
                self._lines.flush()


class _Unit:
    """A meter as the wire sees it: each request first asks for its troubles, which brings it up to the present."""

    def __init__(self, meter: SimMeter, plant: Plant, clock: Clock) -> None:
        self._meter, self._plant, self._clock = meter, plant, clock

    def read(self, function: int, address: int, count: int) -> Sequence[int] | Refused:
        return self._meter.read(function, address, count)

    def troubles(self) -> Sequence[Fault]:
        now = self._clock.now()
        self._plant.advance(now)
        return self._meter.troubles(now)


def _open(port: Port, units: Mapping[int, _Unit], seed: int) -> TcpPort | RtuLine:
    seeds = (seed, *port.id.encode())
    if port.kind == "rtu":
        return _line(port, units, seeds)
    return TcpPort(units, port.host, port.port, rtu=port.kind == "rtu_over_tcp", seed=seeds)


def _line(port: Port, units: Mapping[int, _Unit], seed: Sequence[int]) -> RtuLine:
    if not port.device:
        return PtyPort(units, port.link, seed=seed)
    return DevicePort(
        units, port.device, baud_rate=port.baud_rate, parity=port.parity, stop_bits=port.stop_bits, seed=seed
    )


async def _run(player: _Player, clock: Clock) -> None:
    while True:
        await player.play(clock.now())
        await asyncio.sleep(_TICK)


async def _never() -> None:
    await asyncio.Event().wait()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _writer(lines: IO[str] | None, clock: Clock, recent: deque[Record]) -> Callable[[Record], None]:
    def write(record: Record) -> None:
        if not lines and "event" not in record:
            return
        line = {"t": record["t"], "time": iso(clock.wall(record["t"])), **record}
        if "event" in record:
            recent.append(line)
        if lines:
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")

    return write


def _place(port: TcpPort | RtuLine) -> dict[str, str | int]:
    if isinstance(port, TcpPort):
        return {"kind": "rtu_over_tcp" if port.rtu else "tcp", "host": port.host, "port": port.port}
    return {"kind": "rtu", "device": port.device, "link": port.link}
