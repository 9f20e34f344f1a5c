"""Recordings: a table whose columns are played into a meter."""

import bisect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

from stillcold_core.files import BadFile
from stillcold_core.profiles.model import UNITS
from stillcold_core.quantities import QUANTITIES, Kind
from stillcold_sim.scenario.model import Column, Replay
from stillcold_sim.scenario.tables import Row, rows_of

Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in memory.

    Attributes
    ----------
    times : list of float
        s since the first row, in order.
    rows : list of dict or None
        Value by quantity, in the vocabulary's units; None for a row with an empty cell, when the meter was not read.
    resample : "hold" or "linear"
        What is shown between two rows.
    lap : float
        s after which it begins again; 0 where the last row holds for ever.
    shift : float
        s by which it is played later.
    """

    times: list[float]
    rows: list[Values | None]
    resample: Literal["hold", "linear"] = "hold"
    lap: float = 0.0
    shift: float = 0.0

    def at(self, t: float) -> Values | None:
        """What is shown at ``t``; before the beginning the first row, after the end the last one or the next lap."""
        t -= self.shift
        laps = math.floor(t / self.lap) if self.lap else 0
        t -= laps * self.lap
        i = max(0, bisect.bisect_right(self.times, t) - 1)
        row = self._between(i, t) if self.resample == "linear" else self.rows[i]
        return row if row is None or not laps else self._counted_on(row, laps)

    def _between(self, i: int, t: float) -> Values | None:
        here, there = self.rows[i], self.rows[i + 1] if i + 1 < len(self.rows) else None
        if here is None or there is None or t <= self.times[i]:
            return here
        share = (t - self.times[i]) / (self.times[i + 1] - self.times[i])
        return {q: v + share * (there[q] - v) if _is_number(q) else v for q, v in here.items()}

    def _counted_on(self, row: Values, laps: int) -> Values:
        """A register goes on from where the lap before left it, or it would seem rolled back."""
        read = [r for r in self.rows if r is not None]
        return {
            q: v + laps * (read[-1][q] - read[0][q]) if QUANTITIES[q].kind is Kind.REGISTER else v
            for q, v in row.items()
        }


def _is_number(quantity: str) -> bool:
    return QUANTITIES[quantity].kind in {Kind.GAUGE, Kind.REGISTER}


def load_recording(replay: Replay, path: Path) -> Recording:
    """Read the part of a table that a scenario plays.

    Raises
    ------
    BadFile
        Naming file, line, column and value of the first thing that does not fit.
    """
    times: list[float] = []
    rows: list[Values | None] = []
    for line, cells in _chosen(replay, path):
        time = _time(replay, path, line, cells) if replay.time else replay.interval * len(times)
        if times and time < times[-1]:
            raise BadFile(path, "must not be earlier than the row before", field=replay.time or "", line=line)
        times.append(time)
        rows.append(_values(replay, path, line, cells))
    if not rows:
        of = f" of point {replay.point}" if replay.point else ""
        raise BadFile(path, f"has no row{of} from first_row = {replay.first_row} on")
    times = [time - times[0] for time in times]
    return Recording(times, rows, replay.resample, _lap(times, replay) if replay.loop else 0.0, replay.shift)


def _lap(times: list[float], replay: Replay) -> float:
    """The last row lasts as long as most others."""
    gaps = sorted(b - a for a, b in pairwise(times))
    return times[-1] + (gaps[len(gaps) // 2] if gaps else replay.interval)


def _chosen(replay: Replay, path: Path) -> Iterator[tuple[int, Row]]:
    wanted = {_column(c).column for c in replay.columns.values()}
    wanted |= ({replay.time} if replay.time else set()) | ({"point"} if replay.point else set())
    last = math.inf if replay.rows is None else replay.first_row + replay.rows
    i = 0
    for line, row in rows_of(path, wanted):
        if replay.point and row["point"] != replay.point:
            continue
        if i >= last:
            return
        if i >= replay.first_row:
            yield line, row
        i += 1


def _column(column: Column | str) -> Column:
    return Column(column) if isinstance(column, str) else column


def _values(replay: Replay, path: Path, line: int, cells: Mapping[str, object]) -> Values | None:
    values = {}
    for quantity, source in replay.columns.items():
        column = _column(source)
        cell = cells[column.column]
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return None
        values[quantity] = _number(path, line, column.column, cell) * column.scale * UNITS[column.unit or "1"]
    return values


def _number(path: Path, line: int, column: str, cell: object) -> float:
    try:
        number = float(cell) if isinstance(cell, str | int | float) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadFile(path, "expected a number", field=column, value=cell, line=line)
    return number


def _time(replay: Replay, path: Path, line: int, cells: Mapping[str, object]) -> float:
    cell = cells[replay.time or ""]
    try:
        return float(cell) if isinstance(cell, str | int | float) else _stamp(cell)
    except ValueError:
        pass
    try:
        return _stamp(datetime.fromisoformat(str(cell)))
    except ValueError:
        raise BadFile(
            path, "expected ISO 8601 or epoch seconds", field=replay.time or "", value=cell, line=line
        ) from None


def _stamp(cell: object) -> float:
    if not isinstance(cell, datetime):
        raise ValueError(cell)
    return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()
