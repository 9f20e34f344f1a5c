"""Samples of one point by columns: what detectors are fed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from stillcold_core.quantities import QUANTITIES
from stillcold_core.readings import Absence, Sample

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What one point showed in a period, in the order in which it was read.

    Attributes
    ----------
    point : str
        Id of the point in the registry.
    times : ndarray of float64, shape (n,)
        UTC, seconds since 1970-01-01.
    columns : mapping of str to ndarray of float64, shape (n,)
        By quantity, in the vocabulary's unit; NaN where there is no number. Why there is none is kept with the
        readings: no detector judges by it.
    monotonic : ndarray of float64, shape (n,)
        Seconds of the gateway's monotonic clock; 0 where it is not known.
    """

    point: str
    times: Floats
    columns: Mapping[str, Floats]
    monotonic: Floats

    def __len__(self) -> int:
        return len(self.times)

    def part(self, first: int, last: int) -> "Samples":
        """Samples ``first`` to ``last``, the last one not included."""
        columns = {name: column[first:last] for name, column in self.columns.items()}
        return Samples(self.point, self.times[first:last], columns, self.monotonic[first:last])

    def only(self, kept: npt.NDArray[np.bool_]) -> "Samples":
        """The samples for which ``kept`` holds."""
        columns = {name: column[kept] for name, column in self.columns.items()}
        return Samples(self.point, self.times[kept], columns, self.monotonic[kept])

    def rows(self) -> Iterator[Sample]:
        """One by one; what is absent is left out."""
        names, listed = list(self.columns), [c.tolist() for c in self.columns.values()]
        for i, (time, monotonic) in enumerate(zip(self.times.tolist(), self.monotonic.tolist(), strict=True)):
            values = {name: column[i] for name, column in zip(names, listed, strict=True) if column[i] == column[i]}
            yield Sample(self.point, time, values, monotonic)


def by_columns(samples: Sequence[Sample]) -> Samples:
    """Columns of the samples of one point.

    Parameters
    ----------
    samples : sequence of Sample
        At least one.

    Examples
    --------
    >>> by_columns([Sample("p", 0.0, {"frequency": 50.0}), Sample("p", 1.0, {})]).columns["frequency"].tolist()
    [50.0, nan]
    """
    names = dict.fromkeys(name for s in samples for name in s.values)
    columns = {name: np.array([_number(s, name) for s in samples], np.float64) for name in names}
    times, monotonic = (np.array([getattr(s, a) for s in samples], np.float64) for a in ("time", "monotonic"))
    return Samples(samples[0].point, times, columns, monotonic)


def _number(sample: Sample, name: str) -> float:
    value = sample.values.get(name)
    return float("nan") if value is None or isinstance(value, Absence) else value


def plausible(samples: Samples) -> Samples:
    """The samples without numbers that no meter of the field shows: those are absent."""
    names = tuple(name for name in samples.columns if name in QUANTITIES)
    if not names:
        return Samples(samples.point, samples.times, {}, samples.monotonic)
    low, high = _bounds(names)
    numbers = np.array([samples.columns[name] for name in names], np.float64)
    inside = (numbers >= low) & (numbers <= high)
    if not inside.all():
        numbers[~inside] = np.nan
    return Samples(samples.point, samples.times, dict(zip(names, numbers, strict=True)), samples.monotonic)


@lru_cache(maxsize=256)
def _bounds(names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Least and largest plausible number of each quantity; shape (quantities, 1)."""
    low, high = ([[getattr(QUANTITIES[name], side)] for name in names] for side in ("low", "high"))
    return np.array(low, np.float64), np.array(high, np.float64)
