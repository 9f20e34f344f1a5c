"""Several points in step, as they would come live."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from stillcold_core.samples import Floats, Samples


class _Cursor:
    """A point's samples, and how far they have been taken."""

    def __init__(self, pieces: Iterator[Samples]) -> None:
        self._pieces = pieces
        self._piece: Samples | None = None
        self._keys: Floats = np.empty(0)
        self._at = 0
        self._reached = -math.inf
        self._next_piece()

    @property
    def due(self) -> float:
        """s; when the next sample is due, infinite after the last one."""
        return math.inf if self._piece is None else float(self._keys[self._at])

    def until(self, end: float) -> Iterator[Samples]:
        """The samples that are due before a moment."""
        while self._piece is not None and self.due < end:
            last = int(np.searchsorted(self._keys, end))
            yield self._piece.part(self._at, last)
            self._at = last
            if last == len(self._keys):
                self._next_piece()

    def _next_piece(self) -> None:
        self._piece, self._at = next(self._pieces, None), 0
        if self._piece is not None:
            self._keys = _latest(self._reached, self._piece.times)
            self._reached = float(self._keys[-1])


def in_step(points: Sequence[Iterator[Samples]], step: float) -> Iterator[Samples]:
    """Samples of several points, each in its own order, no point ahead of another by more than ``step``.

    A sample that is not later than those before it goes with them: when it came is not known.

    Parameters
    ----------
    points : sequence of iterator of Samples
        Of each point, in pieces; none of them empty.
    step : float
        s. Of each multiple of it those samples that fall into it are given, point by point in the order given.

    Examples
    --------
    >>> def piece(name, *times):
    ...     return iter([Samples(name, np.array(times, float), {}, np.zeros(len(times)))])
    >>> [(s.point, s.times.tolist()) for s in in_step([piece("a", 1, 2, 11, 3), piece("b", 5, 12)], 10)]
    [('a', [1.0, 2.0]), ('b', [5.0]), ('a', [11.0, 3.0]), ('b', [12.0])]
    """
    cursors = [_Cursor(pieces) for pieces in points]
    due = np.array([c.due for c in cursors])
    while len(due) and math.isfinite(first := due.min()):
        end = (first // step + 1) * step
        for i in np.flatnonzero(due < end):
            yield from cursors[i].until(end)
            due[i] = cursors[i].due


def _latest(before: float, times: Floats) -> Floats:
    """The latest time up to each sample."""
    return np.maximum.accumulate(np.maximum(times, before))
