"""Two small plants in which something of everything happens within eight hours, read once a minute.

``north``: a sealed line that restarts, a mill's feeder with a hidden furnace, a shop's feeder whose transformers
are bypassed by half, and the incomer above them. ``south``: two feeders, a meter that freezes and one that goes over to
a diesel set.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from stillcold_core.readings import Sample, Value
from stillcold_core.registry import Gateway, Line, Point, Registry, Site

START = 1_800_000_000.0
HOUR = 3600.0
HOURS = 8
EXPONENTS = {
    **{f"voltage_l{i}": -1 for i in (1, 2, 3)}, **{f"current_l{i}": -2 for i in (1, 2, 3)}, "active_power": 0,
    "reactive_power": 0, "frequency": -2, "active_energy_import": 0, "current_thd_l1": -1,
}  # fmt: skip
EXPECTED = {
    ("restart.power", "f1"), ("furnace.induction", "mill"), ("tamper.balance", "shop"), ("tamper.frozen", "lathe"),
    ("tamper.genset", "press"),
}  # fmt: skip
"""Kind and line of what must at least be found."""
_LINES = (
    ("f1", "north", "sealed", "p1", "feeder"), ("mill", "north", "permitted", "p2", "feeder"),
    ("shop", "north", "permitted", "p3", "feeder"), ("works", "north", "permitted", "p0", "incomer"),
    ("lathe", "south", "permitted", "p4", "feeder"), ("press", "south", "permitted", "p5", "feeder"),
)  # fmt: skip
POINTS = tuple(point for _, _, _, point, _ in _LINES)


def district(public_key: str) -> Registry:
    """Its registry, one gateway for all points."""
    sealed = datetime(2026, 1, 1, tzinfo=UTC)
    return Registry(
        site=(Site("north", "北厂"), Site("south", "南厂")),
        line=tuple(
            Line(line, site, line, state, 1e6, sealed_at=sealed if state == "sealed" else None)  # type: ignore[arg-type]
            for line, site, state, _, _ in _LINES
        ),
        gateway=(Gateway("gw-1", public_key, "north"),),
        point=tuple(Point(point, line, role, "gw-1") for line, _, _, point, role in _LINES),  # type: ignore[arg-type]
    )


def minutes(seed: int = 7) -> Iterator[list[Sample]]:
    """The samples of each minute, a point each."""
    meters = {point: _Meter(point, seed) for point in POINTS}
    for minute in range(HOURS * 60):
        age = 60.0 * minute
        loads = {point: _load(point, age, meters[point].rng) for point in POINTS}
        loads["p0"] = (sum(loads[p][0] for p in ("p1", "p2", "p3")) * 1.004, loads["p2"][1])
        hertz = 50 + 0.02 * random.Random(seed + minute).gauss(0, 1)
        yield [meters[p].read(age, *loads[p], hertz) for p in POINTS]


def samples(seed: int = 7) -> list[Sample]:
    """All of them in the order of time."""
    return [sample for minute in minutes(seed) for sample in minute]


def _load(point: str, age: float, rng: random.Random) -> tuple[float, float]:
    """W that flow, and how many of them through a converter."""
    wobble = 1 + 0.004 * rng.gauss(0, 1)
    if point == "p1":
        return (400e3 * wobble if 5 * HOUR <= age < 5.5 * HOUR else 0.0), 0.0
    if point == "p2":
        into = age - HOUR
        share = min(1.0, 0.25 + 0.15 * (into % 6300 // 300)) if into >= 0 and into % 6300 < 5700 else 0.0
        return 40e3 * wobble + 600e3 * share * wobble, 600e3 * share
    return {"p3": 300e3, "p4": 80e3, "p5": 120e3}.get(point, 0.0) * wobble, 0.0


class _Meter:
    """Reads what flows, but for what was done to it."""

    def __init__(self, point: str, seed: int) -> None:
        self.point = point
        self.rng = random.Random(f"{point} {seed}")
        self.energy = 5e8 * (1 + POINTS.index(point)) + 1237
        self.shown: dict[str, Value] = {}

    def read(self, age: float, power: float, converter: float, hertz: float) -> Sample:
        if self.point == "p3" and age >= 4 * HOUR:
            power /= 2
        if self.point == "p5" and age >= 6 * HOUR:
            hertz += 0.8
        self.energy += power / 60
        if not (self.point == "p4" and 3 * HOUR <= age < 6 * HOUR):
            self.shown = self._values(power, converter, hertz)
        return Sample(self.point, START + age, dict(self.shown), age)

    def _values(self, power: float, converter: float, hertz: float) -> dict[str, Value]:
        volts = [round(229.0 + 0.8 * self.rng.gauss(0, 1), 1) for _ in range(3)]
        apparent = 1.05 * power
        thd = 100 * (0.28 * converter + 900) / apparent if power else 0.0
        return {
            **{f"voltage_l{i}": v for i, v in enumerate(volts, 1)},
            **{f"current_l{i}": round(apparent / 3 / v, 2) for i, v in enumerate(volts, 1)},
            "active_power": float(round(power)), "reactive_power": float(round(0.3 * power)),
            "frequency": round(hertz, 2), "active_energy_import": float(round(self.energy)),
            "current_thd_l1": round(thd, 1),
        }  # fmt: skip
