"""Running a detector, or a baseline, over a stream that is known."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from bench.detect.baselines import BASELINES, Stream
from bench.detect.trace import DAY, OURS, Heats, Trace, daily, rising
from stillcold_core.detect.detector import Detector
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.furnace import DETECTOR as FURNACE
from stillcold_core.detect.furnace import Feeder, FurnaceRules
from stillcold_core.samples import Floats, Samples
from support.said import first_said

FACTORS = (0.5, 0.75, 1.0, 1.3, 1.8, 2.5)
"""Multiples of the furnace detector's thresholds that are tried; 1 is what it runs with."""
_THRESHOLDS = ("spectral", "power_only", "line_frequency")


@dataclass(frozen=True)
class Known:
    """A stream of one point, and what there is to find in it.

    Attributes
    ----------
    family, kind, meter, split, site, cadence
        As in :class:`~bench.detect.trace.Trace`.
    samples : Samples
    days : float
        Length of the stream.
    scale : float
        W, for the baselines.
    begins, lasts : float
        s from the beginning of the stream; below 0 where there is nothing to find.
    heats : Heats
        In s since ``begins``.
    """

    family: str
    kind: str
    meter: str
    split: str
    site: int
    cadence: float
    samples: Samples
    days: float
    scale: float
    begins: float = -1.0
    lasts: float = 0.0
    heats: Heats = field(default_factory=Heats)

    @property
    def honest_days(self) -> float:
        """Days before there is something to find."""
        return self.days if self.begins < 0 else self.begins / DAY

    @property
    def epoch(self) -> float:
        """Of the beginning of the stream."""
        return float(self.samples.times[0]) - self.cadence

    def trace(self, judge: str, times: Floats, scores: Floats) -> Trace:
        """What a judge made of it, by scores at some times (s from the beginning of the stream)."""
        before = times < (self.begins if self.begins >= 0 else np.inf)
        honest = daily(times[before], scores[before], self.honest_days)
        rise = rising(times[~before] - self.begins, scores[~before])
        return Trace(
            self.family, self.kind, self.meter, judge, self.split, self.site, self.cadence, self.honest_days, honest,
            self.begins, self.lasts, rise, self.heats,
        )  # fmt: skip


def alerts(detector: Detector[Any, Any], watched: Any, runs: Iterable[Samples]) -> list[Finding]:
    """The first word of each alert."""
    state, findings = detector.begin(), list[Finding]()
    for run in runs:
        state, found = detector.advance(watched, state, run)
        findings += found
    return first_said(findings)


def by_alerts(known: Known, found: Sequence[tuple[float, Finding]]) -> Trace:
    """The trace of a detector: alerts with the multiple of its thresholds at which they came."""
    order = sorted((f.detected - known.epoch, score) for score, f in found)
    return known.trace(OURS, np.array([t for t, _ in order]), np.array([score for _, score in order]))


def furnace(known: Known, factors: Sequence[float] = (1.0,)) -> Trace:
    """The furnace detector at some multiples of its thresholds."""
    found = []
    for factor in factors:
        feeder = Feeder("s", "l", "p", scaled(factor))
        found += [(factor, f) for f in alerts(FURNACE, feeder, [known.samples])]
    return by_alerts(known, found)


def scaled(factor: float) -> FurnaceRules:
    """The furnace detector's rules with its thresholds multiplied."""
    rules = FurnaceRules()
    return replace(rules, **{f.name: factor * getattr(rules, f.name) for f in fields(rules) if f.name in _THRESHOLDS})


def baselines(known: Known, names: Iterable[str] = tuple(BASELINES)) -> list[Trace]:
    """What the baselines make of a stream."""
    stream = stream_of(known)
    if stream is None:
        return []
    return [known.trace(name, stream.times, _run(BASELINES[name], stream)) for name in names]


def stream_of(known: Known) -> Stream | None:
    """Power by the meter, or by its register where it shows none."""
    s = known.samples
    power = s.columns.get("active_power")
    if power is None and "active_energy_import" in s.columns:
        register = s.columns["active_energy_import"]
        power = np.diff(register, prepend=register[0]) * 3600 / known.cadence
    if power is None:
        return None
    kept = ~np.isnan(power)
    thd = s.columns.get("current_thd_l1")
    times = s.times[kept] - known.epoch
    return Stream(times, np.abs(power[kept]), None if thd is None else thd[kept], known.cadence, known.scale)


def _run(baseline: Callable[[Stream], Floats], stream: Stream) -> Floats:
    return baseline(stream) if len(stream.times) else np.zeros(0)
