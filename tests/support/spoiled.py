"""What spoils samples between a meter and a detector."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from stillcold_core.quantities import QUANTITIES
from stillcold_core.samples import Floats, Samples

_CADENCES = (1.0, 10.0, 60.0, 300.0, 900.0)


def spoiled(rng: random.Random, runs: Sequence[Samples], how: str) -> list[Samples]:
    """Runs of samples, spoiled in one of the ways of :data:`SPOILERS`."""
    spoil = SPOILERS[how]
    numbers = np.random.default_rng(rng.getrandbits(64))
    found = [spoil(numbers, run, i / len(runs)) for i, run in enumerate(runs)]
    return [run for run in found if len(run)]


def _holes(rng: np.random.Generator, run: Samples, _where: float) -> Samples:
    """A fifth of all numbers are missing."""
    return replace(run, columns={n: np.where(rng.random(len(run)) < 0.2, np.nan, c) for n, c in run.columns.items()})


def _empty(_rng: np.random.Generator, run: Samples, where: float) -> Samples:
    """For a third of the time there are no numbers at all."""
    gone = 1 / 3 < where < 2 / 3
    return replace(run, columns={n: np.full(len(run), np.nan) if gone else c for n, c in run.columns.items()})


def _columns(rng: np.random.Generator, run: Samples, _where: float) -> Samples:
    """Some columns are not there, now these and now those; sometimes none is."""
    kept = rng.random() < 0.95
    return replace(run, columns={n: c for n, c in run.columns.items() if kept and rng.random() < 0.8})


def _gaps(rng: np.random.Generator, run: Samples, where: float) -> Samples:
    """Samples are lost, singly and for long."""
    return _picked(run, np.flatnonzero(rng.random(len(run)) < (0.02 if 0.4 < where < 0.6 else 0.8)))


def _duplicates(rng: np.random.Generator, run: Samples, _where: float) -> Samples:
    """Some come twice or three times."""
    return _picked(run, np.repeat(np.arange(len(run)), rng.choice([1, 1, 1, 2, 3], len(run))))


def _disorder(rng: np.random.Generator, run: Samples, _where: float) -> Samples:
    """Neighbours are swapped."""
    return _picked(run, np.argsort(np.arange(len(run)) + rng.uniform(0, 3, len(run))))


def _clock(rng: np.random.Generator, run: Samples, where: float) -> Samples:
    """The clock is set forward, back, and right again."""
    shift = (0.0, 7200.0, -5400.0, 0.0, 86400.0, 0.0)[int(where * 6)] + (1.5 if rng.random() < 0.1 else 0.0)
    return replace(run, times=run.times + shift)


def _cadence(rng: np.random.Generator, run: Samples, where: float) -> Samples:
    """The time from one sample to the next changes between that of the samples and some forty times as much."""
    return _picked(run, np.arange(int(rng.integers(0, 5)), len(run), (1, 40, 7, 1, 40, 15)[int(where * 6)]))


def _wild(rng: np.random.Generator, run: Samples, _where: float) -> Samples:
    """One number in fifty is another, anywhere in the bounds of its quantity."""
    return replace(
        run,
        columns={n: np.where(rng.random(len(run)) < 0.02, _any(rng, n, len(run)), c) for n, c in run.columns.items()},
    )


def _zeros(_rng: np.random.Generator, run: Samples, where: float) -> Samples:
    """A busy meter answers zeros for a tenth of the time."""
    return replace(run, columns={n: np.zeros(len(run)) if 0.6 < where < 0.7 else c for n, c in run.columns.items()})


def _no_monotonic(_rng: np.random.Generator, run: Samples, _where: float) -> Samples:
    """The gateway's monotonic clock is not known, and the times are off by fractions of a second."""
    return replace(run, times=run.times + 0.25 * np.sin(run.times), monotonic=np.zeros(len(run)))


def _boots(_rng: np.random.Generator, run: Samples, where: float) -> Samples:
    """The gateway boots again and again, and a second clock begins at each."""
    shift = 600.0 * math.floor(where * 8)
    return replace(run, times=run.times + 1e-3, monotonic=np.maximum(run.monotonic - 5000.0 - shift, 1.0))


SPOILERS: Mapping[str, Callable[[np.random.Generator, Samples, float], Samples]] = {
    "holes": _holes,
    "empty": _empty,
    "columns": _columns,
    "gaps": _gaps,
    "duplicates": _duplicates,
    "disorder": _disorder,
    "clock": _clock,
    "cadence": _cadence,
    "wild": _wild,
    "zeros": _zeros,
    "no monotonic clock": _no_monotonic,
    "boots": _boots,
}
"""By name: takes a source of numbers, a run, and where in the story it lies from 0 to 1."""


def random_runs(rng: random.Random, points: Sequence[str], *, at: float, runs: int = 12) -> list[Samples]:
    """Samples with any numbers that are in bounds, at a cadence that changes from run to run."""
    numbers = np.random.default_rng(rng.getrandbits(64))
    names = [n for n in QUANTITIES if rng.random() < 0.7]
    found, begin = [], at
    for _ in range(runs):
        every, count = rng.choice(_CADENCES), rng.randrange(1, 40)
        times: Floats = begin + every * np.arange(count, dtype=np.float64)
        columns = {n: _level(numbers, n, count) for n in names}
        found += [Samples(p, times, columns, times - at + 1) for p in points if rng.random() < 0.9]
        begin = float(times[-1]) + every
    return found


def _level(rng: np.random.Generator, name: str, count: int) -> Floats:
    """Steady at some level for most of the time: what never changes or always does decides nothing."""
    level = _any(rng, name, 1) * rng.choice([0.0, 1e-6, 1e-3, 1.0])
    return np.where(rng.random(count) < 0.1, _any(rng, name, count), level)


def _any(rng: np.random.Generator, name: str, count: int) -> Floats:
    quantity = QUANTITIES[name]
    found: Floats = rng.uniform(quantity.low, quantity.high, count)
    return np.where(rng.random(count) < 0.2, rng.choice([quantity.low, quantity.high]), found)


def _picked(run: Samples, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Samples:
    columns = {n: c[rows] for n, c in run.columns.items()}
    return Samples(run.point, run.times[rows], columns, run.monotonic[rows])
