"""What a user would set up otherwise: a score at each sample, over which an alert would be raised.

Each takes what it needs of a stream and of nothing later. ``scale`` is what the feeder took at most in its first days,
or the rating of a sealed line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from river.anomaly import HalfSpaceTrees
from river.drift import PageHinkley

from bench.detect.trace import DAY
from stillcold_core.samples import Floats

_HOUR, _WEEK = 3600.0, 168
_NEVER = float("-inf")
_FOR = 300.0  # s that a fixed threshold must be exceeded
_TREES = 20_000  # samples at most: thousands a minute
_STEPS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)  # thresholds of Page-Hinkley


@dataclass(frozen=True)
class Stream:
    """What a baseline sees: s from the beginning, W, % (or none), s between samples, W of the scale."""

    times: Floats
    power: Floats
    thd: Floats | None
    cadence: float
    scale: float


def fixed(s: Stream) -> Floats:
    """Share of the scale that the power has exceeded for five minutes and two samples at least."""
    n = max(2, round(_FOR / s.cadence) + 1)
    share = np.concatenate([np.full(n - 1, _NEVER), s.power / s.scale])
    lowest: Floats = np.lib.stride_tricks.sliding_window_view(share, n).min(axis=1)
    return lowest


def three_sigma(s: Stream) -> Floats:
    """Standard deviations from the mean of the last day."""
    n = max(8, round(DAY / s.cadence))
    sums, squares = (np.concatenate([[0.0], np.cumsum(x)]) for x in (s.power / s.scale, (s.power / s.scale) ** 2))
    last = np.arange(len(s.power))
    first = np.maximum(0, last - n)
    count = np.maximum(1, last - first)
    mean = (sums[last] - sums[first]) / count
    spread = np.sqrt(np.maximum((squares[last] - squares[first]) / count - mean**2, 0.005**2))
    return np.where(count >= n / 12, np.abs(s.power / s.scale - mean) / spread, _NEVER)


def hour_of_week(s: Stream) -> Floats:
    """Standard deviations of an hour's mean from the same hour of earlier weeks; in the first week, of earlier days."""
    hour = (s.times // _HOUR).astype(int)
    count = np.bincount(hour)
    means = np.bincount(hour, s.power) / np.maximum(count, 1)
    score = np.full(len(means), _NEVER)
    off: list[float] = []
    for k in range(24, len(means)):
        before = means[k % _WEEK : k : _WEEK] if k >= _WEEK else means[k % 24 : k : 24]
        deviation = float(means[k] - before.mean())
        if len(off) >= 24:
            score[k] = abs(deviation) / max(float(np.std(off[-672:])), 0.01 * s.scale)
        off.append(deviation)
    told = np.full(len(s.times), _NEVER)
    ends = np.flatnonzero(np.diff(hour)) + 1  # an hour is known when the next begins
    told[ends] = score[hour[ends] - 1]
    return told


def daily_energy(s: Stream) -> Floats:
    """A day's energy over the mean of the last fortnight's."""
    day = (s.times // DAY).astype(int)
    energy = np.bincount(day, s.power)
    told, ends = np.full(len(s.times), _NEVER), np.flatnonzero(np.diff(day)) + 1
    for end in ends.tolist():
        before = energy[max(0, day[end] - 15) : day[end] - 1]
        if len(before) >= 2:
            told[end] = energy[day[end] - 1] / max(before.mean(), 0.01 * s.scale * DAY / s.cadence)
    return told


def trees(s: Stream) -> Floats:
    """Half-space trees of river over power, THD and the hour of the day, each from 0 to 1."""
    model: Any = HalfSpaceTrees(seed=42)
    told = np.full(len(s.times), _NEVER)
    every = -(-len(s.times) // _TREES)
    columns = [np.clip(s.power / (1.5 * s.scale), 0, 1), s.times % DAY / DAY]
    columns += [] if s.thd is None else [np.clip(s.thd / 50, 0, 1)]
    rows = np.stack(columns, axis=1)[::every].tolist()
    for i, row in enumerate(rows):
        x = dict(enumerate(row))
        if i >= model.window_size:
            told[i * every] = model.score_one(x)
        model.learn_one(x)
    return told


def page_hinkley(s: Stream) -> Floats:
    """The highest threshold of the Page-Hinkley test of river, for rising power, that is passed."""
    shares, told = (s.power / s.scale).tolist(), np.full(len(s.times), _NEVER)
    for threshold in _STEPS:
        test: Any = PageHinkley(threshold=threshold, mode="up")
        for i, share in enumerate(shares):
            test.update(share)
            if test.drift_detected:
                told[i] = threshold
    return told


BASELINES: Mapping[str, Callable[[Stream], Floats]] = {
    "fixed threshold, for 5 min": fixed,
    "rolling 3-sigma": three_sigma,
    "hour-of-week z": hour_of_week,
    "daily energy": daily_energy,
    "river HalfSpaceTrees": trees,
    "river PageHinkley": page_hinkley,
}
"""By name."""
