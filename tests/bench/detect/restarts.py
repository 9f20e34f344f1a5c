"""The family restart: sealed lines that restart in every size and manner, and dead ones with all that is no restart."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench.detect.judges import Known, alerts, baselines, by_alerts
from bench.detect.trace import DAY, Trace
from stillcold_core.registry import Line, Point, Registry, Site
from stillcold_core.samples import Floats, Samples
from stillcold_server.detection.subjects import Subject, subjects_of

HOUR = 3600.0
EPOCH = 1.7e9 // DAY * DAY
VIEWS: Mapping[str, tuple[str, ...]] = {
    "all": ("active_power", "current_l1", "current_l2", "current_l3", "voltage_l1", "active_energy_import"),
    "power": ("active_power",),
    "register": ("active_energy_import",),
}
_BEFORE = {1.0: 2 * HOUR, 10.0: 6 * HOUR, 60.0: 2 * DAY, 900.0: 14 * DAY}
_DEAD = {1.0: 8 * HOUR, 10.0: 2 * DAY, 60.0: 20 * DAY, 900.0: 180 * DAY}
Rng = np.random.Generator


@dataclass
class Cold:
    """A sealed line, sample by sample.

    Attributes
    ----------
    rng : Generator
    cadence, rated : float
        s; W
    times, mean, moment : array
        s from the beginning; W that the line takes, on average since the sample before and at the moment.
    lost : array of bool
        Samples that never arrive.
    """

    rng: Rng
    cadence: float
    rated: float
    times: Floats
    mean: Floats
    moment: Floats
    lost: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def take(self, begin: float, end: float, share: Callable[[Floats], Floats] | float) -> None:
        """From ``begin`` to ``end`` the line takes a share of its rating."""
        inside = np.clip(np.minimum(self.times, end) - np.maximum(self.times - self.cadence, begin), 0, self.cadence)
        level = self.rated * (share if isinstance(share, float) else share(self.times - begin))
        self.mean = self.mean + level * inside / self.cadence
        self.moment = self.moment + np.where((self.times > begin) & (self.times <= end), level, 0.0)

    @property
    def shown(self) -> Floats:
        """W that its meter shows: of a load profile the mean."""
        return self.mean if self.cadence >= 900 else self.moment

    @property
    def is_cut(self) -> bool:
        """Whether it was cut off from power, so that there is voltage only while it runs."""
        return self.rated > 7e5


def new(rng: Rng, cadence: float, lasts: float) -> Cold:
    times: Floats = np.arange(1, round(lasts / cadence) + 1, dtype=np.float64) * cadence
    rated = float(rng.choice([350e3, 750e3, 1e6, 1.5e6, 3e6]))
    light = float(rng.choice([0.0, 100.0, 200.0]))
    idle = np.full(len(times), light)
    return Cold(rng, cadence, rated, times, idle, idle, np.zeros(len(times), bool))


def meter(cold: Cold, view: str) -> Samples:
    """A class 0.5 transformer of twice the rated current, and a register that counts in its own steps."""
    rng, n = cold.rng, len(cold.times)
    noise = 0.0006 * 2 * cold.rated / 660  # A
    step = float(rng.choice([10.0, 100.0, 1000.0]))
    energy = 1e9 + np.cumsum(cold.mean) * cold.cadence / 3600
    live = cold.shown > 0.002 * cold.rated
    columns = {
        "active_power": cold.shown + 200 * noise * rng.standard_normal(n),
        **{f"current_l{p}": np.abs(cold.shown / 660 + noise * rng.standard_normal(n)) for p in (1, 2, 3)},
        "voltage_l1": np.where(live | (not cold.is_cut), 220 + rng.standard_normal(n), 0.0),
        "active_energy_import": np.floor(energy / step) * step,
    }
    kept = ~cold.lost
    shown = {q: columns[q][kept] for q in VIEWS[view]}
    return Samples("p", EPOCH + cold.times[kept], shown, np.zeros(int(kept.sum())))


def _step(share: float) -> Callable[[Cold, float], float]:
    def play(cold: Cold, at: float) -> float:
        lasts = max(1800.0, 6 * cold.cadence)
        cold.take(at, at + lasts, share)
        return lasts

    return play


def _burst(cold: Cold, at: float) -> float:
    cold.take(at, at + 60, float(cold.rng.uniform(0.3, 1.0)))
    return 60.0


def _creep(cold: Cold, at: float) -> float:
    cold.take(at, at + 8 * HOUR, lambda t: 0.03 * np.clip(t / (6 * HOUR), 0, 1))
    return 6 * HOUR


def _blackout(cold: Cold, at: float) -> float:
    gap, run = cold.rng.uniform(0.5, 2) * HOUR + 2 * cold.cadence, cold.rng.uniform(600, 1500)
    begin = at + cold.rng.uniform(60, gap - run - 60)
    cold.take(begin, begin + run, float(cold.rng.uniform(0.3, 1.0)))
    cold.lost = (cold.times > at) & (cold.times <= at + gap)
    return gap


KINDS: Mapping[str, Callable[[Cold, float], float]] = {
    "2 % of the rating": _step(0.02),
    "5 % of the rating": _step(0.05),
    "30 % of the rating": _step(0.3),
    "burst of a minute": _burst,
    "creep to 3 % in 6 h": _creep,
    "hidden in a blackout": _blackout,
}


def restarted(kind: str, _name: str, split: str, number: int) -> Iterator[Trace]:
    """A sealed line that restarts, at every cadence and on every meter."""
    for cadence, before in _BEFORE.items():
        for view in VIEWS:
            rng = np.random.default_rng([number, *kind.encode()])
            at = before + float(rng.uniform(0, 3 * cadence))
            cold = new(rng, cadence, before + 9 * HOUR + 8 * cadence)
            lasts = KINDS[kind](cold, at)
            samples = meter(cold, view)
            known = Known(
                "restart", kind, f"{view}, {cadence:g} s", split, number, cadence, samples,
                float(cold.times[-1]) / DAY, cold.rated, at, lasts,
            )  # fmt: skip
            yield from _judged(known, cold)


def dead(_kind: str, _name: str, split: str, number: int) -> Iterator[Trace]:
    """A sealed line that stays dead: noise, lamps, bad registers, boots."""
    for cadence, lasts in _DEAD.items():
        for view in VIEWS:
            rng = np.random.default_rng([number, 5])
            cold = new(rng, cadence, lasts)
            samples = _troubled(rng, meter(cold, view))
            known = Known(
                "legal", "dead line", f"{view}, {cadence:g} s", split, number, cadence, samples, lasts / DAY, cold.rated
            )
            yield from _judged(known, cold)


def _troubled(rng: Rng, samples: Samples) -> Samples:
    """Once in two thousand readings a register is bad, or the meter boots and shows zeros."""
    columns: dict[str, Any] = {}
    n = len(samples)
    boots = rng.random(n) < 0.0005
    for name, column in samples.columns.items():
        bad = rng.random(n) < 0.0005
        worse = np.where(bad, column + rng.choice([65536.0, -32768.0, 1e7], n), column)
        columns[name] = np.where(boots, 0.0, np.maximum(worse, 0) if "energy" in name else worse)
    return replace(samples, columns=columns)


def _judged(known: Known, cold: Cold) -> Iterator[Trace]:
    subject = watched(cold.rated, cold.is_cut)
    found = alerts(subject.detector, subject.watched, [known.samples])
    yield by_alerts(known, [(1.0, f) for f in found])
    if known.meter in ("power, 60 s", "power, 900 s"):
        yield from baselines(known)


def watched(rated: float, cut: bool) -> Subject:
    """The restart detector's view of a sealed line."""
    sealed = datetime(2020, 1, 1, tzinfo=UTC)
    line = Line("l", "s", "l", "sealed", rated, sealed_at=sealed, measures=("power_cut",) if cut else ("sealed",))
    registry = Registry(site=(Site("s", "s"),), line=(line,), point=(Point("p", "l", "feeder"),))
    return next(s for s in subjects_of(registry)["p"] if s.detector.name == "restart")


JOBS: Sequence[tuple[str, str]] = [(kind, "") for kind in KINDS]
