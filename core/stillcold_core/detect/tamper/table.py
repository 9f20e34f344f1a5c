"""Samples of one point as the detector of tampering reads them: one row a quantity, one column a sample."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillcold_core.detect.deadline import CURRENTS, LINE_VOLTAGES, POWERS, VOLTAGES
from stillcold_core.quantities import PHASES
from stillcold_core.samples import Floats, Samples

Flags = npt.NDArray[np.bool_]
GRID = (*VOLTAGES, *LINE_VOLTAGES, "frequency")
"""What the grid makes of a sample, whatever the load does."""
_LOAD = ("current_n", "active_power", "reactive_power", "apparent_power", "power_factor")
_THD = tuple(f"{what}_thd_{p}" for what in ("current", "voltage") for p in PHASES)
SHOWN = (*GRID, *CURRENTS, *POWERS, *_LOAD, *_THD)
"""All that a meter measures of one moment, in the order of the rows."""
ROW = {name: row for row, name in enumerate((*SHOWN, "active_energy_import", "active_energy_export"))}
VOLTS = slice(0, 6)
AMPERES = slice(ROW["current_l1"], ROW["current_l3"] + 1)
WATTS = slice(ROW["active_power_l1"], ROW["active_power"] + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Samples in the order in which they came.

    Attributes
    ----------
    samples : Samples
        What was made a table.
    rows : ndarray of float64, shape (len(ROW), n)
        NaN where there is no number.
    judged : ndarray of bool, shape (n,)
        Whether a sample is judged by its values: it is in order, and its values are such as a meter can show.
    """

    samples: Samples
    rows: Floats
    judged: Flags

    @property
    def point(self) -> str:
        """Id of the point."""
        return self.samples.point

    @property
    def times(self) -> Floats:
        """UTC seconds."""
        return self.samples.times

    def row(self, name: str) -> Floats:
        """One quantity."""
        row: Floats = self.rows[ROW[name]]
        return row

    def values(self, i: int, names: Sequence[str]) -> dict[str, float]:
        """What sample ``i`` shows of some quantities; absent ones are left out."""
        shown = {name: float(self.rows[ROW[name], i]) for name in names}
        return {name: value for name, value in shown.items() if not math.isnan(value)}


def rows_of(samples: Samples) -> Floats:
    """The samples' numbers, one row a quantity of ``ROW``."""
    rows = np.full((len(ROW), len(samples)), np.nan)
    for name, column in samples.columns.items():
        row = ROW.get(name)
        if row is not None:
            rows[row] = column
    return rows


def some(flags: npt.NDArray[np.bool_]) -> Flags:
    """Whether it holds in any row, by sample."""
    held: Flags = np.logical_or.reduce(flags, axis=0)
    return held
