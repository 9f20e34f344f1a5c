"""All meters of a scenario on one axis of simulated time."""

from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from stillcold_sim.loads import Dead, Grid, Moment
from stillcold_sim.meter import SimMeter
from stillcold_sim.scenario import Event, Fault, Meter, Port, Scenario, seconds
from stillcold_sim.scenario.evasion import Evasion
from stillcold_sim.site import Site

Record = Mapping[str, Any]
Happening = Event | Evasion | Fault
_MOST_BY_HAND = 1000


class TooMany(Exception):
    """More is going on by hand than is kept."""


class Plant:
    """The simulated plant: a function of the seed and of simulated time, whatever the speed.

    Parameters
    ----------
    scenario : Scenario
        What to play.
    seed : int, optional
        Instead of the scenario's.
    record : callable
        Takes each line of the truth.

    Attributes
    ----------
    meters : dict of str to SimMeter
        By id.
    by_hand : dict of str to Event, Evasion or Fault
        What was added to the story while it was played and is not over, by id.
    """

    def __init__(self, scenario: Scenario, seed: int | None, record: Callable[[Record], None]) -> None:
        self._file, self._scenario = scenario.file, scenario
        seed = scenario.file.seed if seed is None else seed
        self.meters = {m.spec.id: SimMeter(m, seed) for m in scenario.meters}
        self._site = Site(self.meters, Grid(seed))
        self._specs = {m.id: m for m in scenario.file.meter}
        self.by_hand: dict[str, Happening] = {}
        self._refusals = {port.id: self._refusals_of(port) for port in scenario.file.port}
        self._hands = 0
        self._record = record
        self._marks = sorted(_marks(scenario), key=_time_of)
        self._steps = 0
        self._next_values = 0.0
        self.advance(0.0)

    def advance(self, t: float) -> None:
        """Play on to ``t`` (s); a time that was played already changes nothing."""
        while (now := self._steps * self._file.step) <= t:
            self._step(now)
            self._steps += 1
        self._mark(t)

    def begin(self, window: Happening) -> str:
        """Add an event, an evasion or a fault to the story, not earlier than what was played; its id.

        It comes after those of the file, so that it wins over them.

        Raises
        ------
        TooMany
            When a thousand are going on.
        """
        self.by_hand = {i: w for i, w in self.by_hand.items() if w.end > window.begin}
        if len(self.by_hand) >= _MOST_BY_HAND:
            raise TooMany(f"{_MOST_BY_HAND} things are going on by hand; end some")
        self._hands += 1
        name = f"hand-{self._hands}"
        self.by_hand[name] = window
        for mark in _window_marks(window, self._specs, {"by": name}):
            insort(self._marks, mark, key=_time_of)
        self._plan_again()
        return name

    def end(self, name: str, t: float) -> None:
        """End at ``t`` what :meth:`begin` began.

        Raises
        ------
        KeyError
            When there is no such thing, or it is over.
        """
        window = self.by_hand[name]
        if window.end <= t:
            raise KeyError(name)
        del self.by_hand[name]
        over = msgspec.structs.replace(window, lasts=max(0.0, t - window.begin))
        self._marks = [mark for mark in self._marks if mark.get("by") != name]
        insort(self._marks, {**list(_window_marks(over, self._specs, {"by": name}))[-1], "t": t}, key=_time_of)
        self._plan_again()

    def note(self, event: str, t: float, **more: float) -> None:
        """Add a line to the truth about what was done to the simulation itself at ``t`` (s)."""
        self._record({"t": t, "event": event, **more})

    def refuses(self, port: Port, t: float) -> bool:
        """Whether a port refuses connections at ``t``."""
        return any(f.covers(t) for f in self._refusals[port.id])

    def _plan_again(self) -> None:
        self._refusals = {port.id: self._refusals_of(port) for port in self._file.port}
        for plan in self._scenario.meters:
            mine = [w for w in self.by_hand.values() if w.meter == plan.spec.id or _on_port(w, plan.spec.port)]
            meter = self.meters[plan.spec.id]
            meter.plan = replace(
                plan,
                events=(*plan.events, *(w for w in mine if isinstance(w, Event))),
                evasions=(*plan.evasions, *(w for w in mine if isinstance(w, Evasion))),
            )
            meter.faults = [*plan.faults, *(w for w in mine if isinstance(w, Fault) and w.what != "refused")]

    def _refusals_of(self, port: Port) -> list[Fault]:
        on_it = {port.id, *(m.id for m in self._file.meter if m.port == port.id)}
        by_hand = [w for w in self.by_hand.values() if isinstance(w, Fault) and w.what == "refused"]
        return [*self._scenario.refusals(port), *(f for f in by_hand if {f.port, f.meter} & on_it)]

    def _step(self, now: float) -> None:
        self._mark(now)
        moment = Moment(now, self._file.step, (seconds(self._file.time_of_day) + now) % 86400)
        for meter, event in self._site.step(moment):
            if event:
                self._record({"t": now, **_name(meter), "event": event})
        if now >= self._next_values:
            self._next_values += self._file.truth_interval
            for meter in self.meters.values():
                self._record(
                    {"t": now, **_name(meter), "power": round(meter.power, 4), "values": _rounded(meter.values)}
                )

    def _mark(self, t: float) -> None:
        while self._marks and self._marks[0]["t"] <= t:
            self._record(self._marks.pop(0))


def _time_of(record: Record) -> float:
    return float(record["t"])


def _on_port(window: Happening, port: str) -> bool:
    return isinstance(window, Fault) and window.port == port


def _name(meter: SimMeter) -> dict[str, str]:
    return {"meter": meter.plan.spec.id, "point": meter.plan.spec.point}


def _rounded(values: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if values is None else {name: round(value, 4) for name, value in values.items()}


def _marks(scenario: Scenario) -> Iterator[Record]:
    """What the scenario says will happen, as lines of the truth."""
    yield {"t": 0.0, "event": "scenario_begins", "scenario": scenario.file.name}
    if duration := seconds(scenario.file.duration):
        yield {"t": duration, "event": "scenario_ends", "scenario": scenario.file.name}
    meters = {m.id: m for m in scenario.file.meter}
    for meter in meters.values():
        if meter.load and not isinstance(meter.load, Dead) and meter.energised and meter.running:
            yield from _window_marks(Event(at=0.0, meter=meter.id, what="run"), meters, {})
    windows: tuple[Happening, ...] = (*scenario.file.event, *scenario.file.evasion, *scenario.file.fault)
    for window in windows:
        yield from _window_marks(window, meters, {})


def _window_marks(window: Happening, meters: Mapping[str, Meter], more: Mapping[str, str]) -> Iterator[Record]:
    about = {**_about(window, meters), **more}
    yield {"t": window.begin, **about, "event": f"{window.what}_begins"}
    if window.lasts is not None:
        yield {"t": window.end, **about, "event": f"{window.what}_ends"}


def _about(window: Happening, meters: Mapping[str, Meter]) -> dict[str, Any]:
    if window.meter is None:
        port = window.port if isinstance(window, Fault) else None
        return {"port": port, "points": [m.point for m in meters.values() if m.port == port]}
    about: dict[str, Any] = {"meter": window.meter, "point": meters[window.meter].point}
    if isinstance(window, Event) and window.values:
        about["values"] = window.values
    if not isinstance(window, Fault) and (above := _above(window.meter, meters)):
        about["upstream"] = above
    return about


def _above(name: str, meters: Mapping[str, Meter]) -> list[str]:
    """Points of the meters that this one's line hangs behind."""
    direct = [m for m in meters.values() if name in m.sums]
    return [p for m in direct for p in (m.point, *_above(m.id, meters))]
