"""What can be seen of a running simulation and done to it by hand."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from stillcold_core.registry import Registry
from stillcold_sim.judging.reader import Reader
from stillcold_sim.line import switched
from stillcold_sim.plant import Happening
from stillcold_sim.scenario import Event, Fault, Meter, seconds
from stillcold_sim.scenario.check import check_story
from stillcold_sim.scenario.check_site import check_evasions
from stillcold_sim.scenario.evasion import AnyEvasion, Evasion, Replayed
from stillcold_sim.serve import Served

Kind = Literal["event", "evasion", "fault"]
_CONVERT: Mapping[Kind, Callable[[object], Happening]] = {
    "event": lambda asked: msgspec.convert(asked, Event),
    "evasion": lambda asked: msgspec.convert(asked, AnyEvasion),
    "fault": lambda asked: msgspec.convert(asked, Fault),
}
_HISTORY = 240  # values of power that are kept of each meter
_SLICE = 60.0  # s that are skipped before others get their turn


class Unfit(ValueError):
    """What was asked for cannot be done; the message says why."""


@dataclass(slots=True)
class _Watched:
    """A meter with what a reader gets from it, and its power over the last minutes."""

    reader: Reader
    power: deque[tuple[float, float | None]]


class Desk:
    """The controls of a simulation.

    Parameters
    ----------
    served : Served
        The simulation.
    """

    def __init__(self, served: Served) -> None:
        self._served = served
        file = served.scenario.file
        ports = {p.id: p for p in file.port}
        self._watched = {
            name: _Watched(Reader(m, ports[m.plan.spec.port], file.seed), deque(maxlen=_HISTORY))
            for name, m in served.plant.meters.items()
        }

    def story(self) -> dict[str, Any]:
        """What does not change while it is played."""
        scenario = self._served.scenario
        file = scenario.file
        lines = _lines(scenario.registry)
        return {
            **self._served.listing(),
            "title": file.title,
            "description": file.description,
            "duration": seconds(file.duration),
            "time_of_day": seconds(file.time_of_day),
            "step": file.step,
            "meters": [_described(m, lines) for m in file.meter],
            "windows": [_window(w) for windows in (file.event, file.evasion, file.fault) for w in windows],
        }

    async def state(self, since: float) -> dict[str, Any]:
        """What changes; of each meter's power only what is newer than ``since`` (simulated s)."""
        now = await self._served.present()
        clock = self._served.clock
        return {
            "t": now,
            "speed": clock.speed,
            "paused": clock.paused,
            "meters": {name: self._meter(name, now, since) for name in self._watched},
            "by_hand": {n: _window(w) for n, w in self._served.plant.by_hand.items() if w.end > now},
            "events": list(self._served.recent)[-60:],
        }

    async def watch(self, every: float) -> None:
        """Keep the power of each meter every so many real seconds, for ever."""
        while True:
            now = await self._served.present()
            for name, watched in self._watched.items():
                if not watched.power or watched.power[-1][0] < now:
                    watched.power.append((now, self._shown(name, now).get("active_power")))
            await asyncio.sleep(every)

    async def begin(self, kind: Kind, asked: Mapping[str, Any]) -> str:
        """Begin something now; its id.

        Parameters
        ----------
        kind : "event", "evasion" or "fault"
            Which table of a scenario it would stand in.
        asked : mapping
            As in a scenario, without ``at``.

        Raises
        ------
        Unfit
            When it does not fit the scenario.
        TooMany
            When too much is going on by hand.
        """
        now = await self._served.present()
        try:
            window = _CONVERT[kind]({**asked, "at": now})
        except msgspec.ValidationError as error:
            raise Unfit(str(error)) from error
        if problems := list(self._problems(window)):
            raise Unfit("; ".join(problems))
        name = self._served.plant.begin(window)
        await self._served.present()
        return name

    async def end(self, name: str) -> None:
        """End something that was begun by hand.

        Raises
        ------
        KeyError
            When there is no such thing.
        """
        self._served.plant.end(name, await self._served.present())
        await self._served.present()

    async def set_clock(self, speed: float | None, paused: bool | None) -> None:
        """Hold the clock, let it go on, or change its speed."""
        clock, plant = self._served.clock, self._served.plant
        now = await self._served.present()
        if speed is not None and speed != clock.speed:
            clock.run(speed)
            plant.note("clock_speed", now, speed=speed)
        if paused is not None and paused != clock.paused:
            (clock.pause if paused else clock.resume)()
            plant.note("clock_held" if paused else "clock_goes_on", now)

    async def skip(self, lasts: float) -> None:
        """Move time on at once; everything in between is played."""
        self._served.plant.note("clock_skips", await self._served.present(), seconds=lasts)
        while lasts > 0:
            self._served.clock.skip(min(lasts, _SLICE))
            await self._served.present()
            await asyncio.sleep(0)
            lasts -= _SLICE

    def _problems(self, window: Happening) -> Iterable[str]:
        scenario = self._served.scenario
        alone: dict[str, Any] = {"event": (), "evasion": (), "fault": (), "expect": ()} | {_table(window): (window,)}
        file = msgspec.structs.replace(scenario.file, **alone)
        for steps, expected in (*check_story(file, scenario.registry), *check_evasions(file)):
            yield f"{steps[-1]}: {expected}" if isinstance(steps[-1], str) else expected
        if window.every is not None:
            yield "every: what is begun by hand comes once"
        if isinstance(window, Replayed):
            yield "what: a meter keeps what it is to show again only where the scenario says so from the beginning"
        if isinstance(window, Event) and window.meter in self._served.plant.meters:
            profile = self._served.plant.meters[window.meter].plan.profile
            if unknown := sorted(set(window.values) - set(profile.by_quantity)):
                yield f"values: {profile.model} has no {', '.join(unknown)}"

    def _shown(self, name: str, now: float) -> dict[str, float]:
        return self._watched[name].reader.read(self._served.plant, now)

    def _meter(self, name: str, now: float, since: float) -> dict[str, Any]:
        plan = self._served.plant.meters[name].plan
        energised, running = switched(plan, now)
        port = next(p for p in self._served.scenario.file.port if p.id == plan.spec.port)
        faults = [e.what for e in plan.evasions if e.covers(now)]
        faults += [f.what for f in self._served.plant.meters[name].faults if f.covers(now)]
        return {
            "values": self._shown(name, now),
            "energised": energised,
            "running": running and energised,
            "faults": faults + ["refused"] * self._served.plant.refuses(port, now),
            "power": [point for point in self._watched[name].power if point[0] > since],
        }


def _lines(registry: Registry | None) -> dict[str, dict[str, str]]:
    if registry is None:
        return {}
    lines = {line.id: line for line in registry.line}
    return {p.id: {"line": p.line, "name": lines[p.line].name, "state": lines[p.line].state} for p in registry.point}


def _described(meter: Meter, lines: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "id": meter.id,
        "point": meter.point,
        "port": meter.port,
        "unit": meter.unit,
        "profile": meter.profile,
        "load": str(meter.load.__struct_config__.tag) if meter.load else "replay" if meter.replay else None,
        **lines.get(meter.point, {}),
    }


def _window(window: Happening) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(window)
    ends = window.end
    return {
        **{k: v for k, v in told.items() if v is not None and k not in {"at", "for"}},
        "table": _table(window),
        "begin": window.begin,
        "end": None if ends == float("inf") else ends,
    }


def _table(window: Happening) -> Kind:
    return "event" if isinstance(window, Event) else "evasion" if isinstance(window, Evasion) else "fault"


def kinds() -> dict[Kind, list[str]]:
    """Words that ``what`` may be, by table of a scenario."""
    return {
        "event": list(get_args(Event.__annotations__["what"])),
        "evasion": [str(e.__struct_config__.tag) for e in get_args(AnyEvasion) if e is not Replayed],
        "fault": list(get_args(Fault.__annotations__["what"])),
    }
