"""Rows whose time cannot be: far ahead of the rows on both sides of them.

A gateway that boots with a dead clock, or one bad reading of it, may stamp rows with a year to come. Detectors would
wait for that year. Live, such samples are refused when they come; a file does not say when its rows came, but what
follows them shows it.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stillcold_core.samples import Floats

DAY = 86_400.0
"""s by which a row may be ahead, as live."""
LOOK = 60
"""Rows within which the time must come back; else it is a gap."""


def rows_ahead(pieces: Iterator[Floats]) -> npt.NDArray[np.int64]:
    """Which rows of a point are stamped ahead.

    Parameters
    ----------
    pieces : iterator of ndarray of float64
        The times of its rows, cut anywhere.

    Returns
    -------
    ndarray of int64
        Numbers of the rows, ascending.

    Examples
    --------
    >>> rows_ahead(iter([np.array([0.0, 60.0, 4e9, 4e9 + 60, 240.0, 1e6, 1e6 + 60])])).tolist()
    [2, 3]
    """
    found: list[int] = []
    waiting, first, before = np.empty(0), 0, -math.inf
    for piece in pieces:
        waiting = np.concatenate([waiting, piece])
        done = max(len(waiting) - LOOK, 0)
        found += (first + i for i in _ahead(waiting, done, before, found[-1] - first if found else -1))
        if done:
            first, before, waiting = first + done, float(waiting[done - 1]), waiting[done:]
    found += (first + i for i in _ahead(waiting, len(waiting), before, found[-1] - first if found else -1))
    return np.array(found, np.int64)


def _ahead(times: Floats, end: int, before: float, last: int) -> Iterator[int]:
    """Of the rows before ``end``, and those that go with them, after row ``last`` that is known."""
    previous = np.concatenate([[before], times[:-1]])
    for jump in np.flatnonzero(times[:end] > previous[:end] + DAY):
        if jump > last:
            looked = times[jump : jump + LOOK]
            right = looked.min() if math.isinf(previous[jump]) else previous[jump]
            back = np.flatnonzero(looked <= right + DAY)
            if len(back) and back[0]:
                last = int(jump + back[0]) - 1
                yield from range(int(jump), last + 1)
