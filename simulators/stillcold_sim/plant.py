"""All meters of a scenario on one axis of simulated time."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stillcold_sim.loads import Grid, Moment
from stillcold_sim.meter import SimMeter
from stillcold_sim.scenario import Event, Fault, Scenario, seconds

Record = Mapping[str, Any]


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
    """

    def __init__(self, scenario: Scenario, seed: int | None, record: Callable[[Record], None]) -> None:
        self._file = scenario.file
        seed = scenario.file.seed if seed is None else seed
        grid = Grid(seed)
        self.meters = {m.spec.id: SimMeter(m, grid, seed) for m in scenario.meters}
        self._record = record
        self._marks = sorted(_marks(scenario), key=lambda mark: float(mark["t"]))
        self._steps = 0
        self._next_values = 0.0
        self.advance(0.0)

    def advance(self, t: float) -> None:
        """Play on to ``t`` (s); a time that was played already changes nothing."""
        while (now := self._steps * self._file.step) <= t:
            self._step(now)
            self._steps += 1
        self._mark(t)

    def _step(self, now: float) -> None:
        self._mark(now)
        moment = Moment(now, self._file.step, (seconds(self._file.time_of_day) + now) % 86400)
        for meter in self.meters.values():
            if event := meter.step(moment):
                self._record({"t": now, **_name(meter), "event": event})
        if now >= self._next_values:
            self._next_values += self._file.truth_interval
            for meter in self.meters.values():
                self._record({"t": now, **_name(meter), "values": _rounded(meter.values)})

    def _mark(self, t: float) -> None:
        while self._marks and self._marks[0]["t"] <= t:
            self._record(self._marks.pop(0))


def _name(meter: SimMeter) -> dict[str, str]:
    return {"meter": meter.plan.spec.id, "point": meter.plan.spec.point}


def _rounded(values: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if values is None else {name: round(value, 4) for name, value in values.items()}


def _marks(scenario: Scenario) -> Iterator[Record]:
    """What the scenario says will happen, as lines of the truth."""
    yield {"t": 0.0, "event": "scenario_begins", "scenario": scenario.file.name}
    if duration := seconds(scenario.file.duration):
        yield {"t": duration, "event": "scenario_ends", "scenario": scenario.file.name}
    points = {m.id: m.point for m in scenario.file.meter}
    windows: tuple[Event | Fault, ...] = (*scenario.file.event, *scenario.file.fault)
    for event in windows:
        about = _about(event, points)
        yield {"t": event.begin, **about, "event": f"{event.what}_begins"}
        if event.lasts is not None:
            yield {"t": event.end, **about, "event": f"{event.what}_ends"}


def _about(event: Event | Fault, points: Mapping[str, str]) -> dict[str, str]:
    if event.meter is None:
        return {"port": event.port or ""} if isinstance(event, Fault) else {}
    return {"meter": event.meter, "point": points[event.meter]}
