"""What a sample looks like, as one number: the last digits of all that it shows."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stillcold_core.detect.tamper.table import AMPERES, GRID, ROW, SHOWN, VOLTS, WATTS, Flags, Table, some
from stillcold_core.detect.tamper.watched import WatchedPoint
from stillcold_core.samples import Floats

Prints = npt.NDArray[np.int64]
_RUNS = 0.01  # share of the rating from which a line without voltages tells by its load
_LIVE = 0.1  # share of the nominal voltage from which a conductor is not dead
_RNG = np.random.default_rng(20260101)
_ODD = _RNG.integers(1, 2**63, (len(SHOWN), 1), np.uint64) * np.uint64(2) + np.uint64(1)
_BITS = np.uint64(47)
_FOLD = np.uint64(31)


class Looks(NamedTuple):
    """Of the samples of a table.

    Attributes
    ----------
    whole : ndarray of int64, shape (n,)
        Prints of everything, below 2^47; equal values give equal prints.
    grid, load : ndarray of float64, shape (n,)
        Sums of what the grid and of what the load makes: they turn up and down as noise does.
    width : ndarray of int64, shape (n,)
        How many voltages and frequencies were read.
    telling : ndarray of bool, shape (n,)
        Whether a sample shows a conductor that is not dead, or a load.
    power : ndarray of float64, shape (n,)
        W, without its sign; 0 where it is not known.
    """

    whole: Prints
    grid: Floats
    load: Floats
    width: Prints
    telling: Flags
    power: Floats


def looks(watched: WatchedPoint, table: Table) -> Looks:
    """Prints of a table's samples."""
    shown = table.rows[: len(SHOWN)]
    known = ~np.isnan(shown)
    mixed = (shown + 0.0).view(np.uint64) * _ODD
    mixed = np.where(known, (mixed ^ (mixed >> _FOLD)) * _ODD, np.uint64(0))
    whole = mixed.sum(0, np.uint64)
    height, numbers = len(GRID), np.where(known, shown, 0.0)
    telling = some(np.abs(table.rows[WATTS]) > _RUNS * watched.rated_power)
    telling |= some(np.abs(table.rows[AMPERES]) > _RUNS * watched.rated_current)
    telling |= some(shown[VOLTS] >= _LIVE * watched.nominal_voltage)
    power = np.abs(numbers[ROW["active_power"]])
    return Looks(_folded(whole), _sum(numbers[:height]), _sum(numbers[height:]), known[:height].sum(0), telling, power)


def _sum(rows: Floats) -> Floats:
    """Row after row: the order of ``sum`` depends on how many samples there are."""
    added: Floats = np.add.accumulate(rows, axis=0)[-1]
    return added


def _folded(mixed: npt.NDArray[np.uint64]) -> Prints:
    return ((mixed ^ (mixed >> _FOLD)) >> (np.uint64(64) - _BITS)).astype(np.int64)
