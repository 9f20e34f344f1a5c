"""Recordings: a CSV file whose columns are played into a meter."""

import bisect
import csv
import gzip
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stillcold_core.files import BadFile, read_text
from stillcold_core.profiles.model import UNITS
from stillcold_sim.scenario.model import Column, Replay


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in memory.

    Attributes
    ----------
    times : list of float
        s since the first row, in order.
    rows : list of dict or None
        Value by quantity, in the vocabulary's units; None for a row with an empty cell, when the meter was not read.
    """

    times: list[float]
    rows: list[dict[str, float] | None]

    def at(self, t: float) -> dict[str, float] | None:
        """What was last recorded at ``t``; after the end, the last row."""
        return self.rows[max(0, bisect.bisect_right(self.times, t) - 1)]


def load_recording(replay: Replay, path: Path) -> Recording:
    """Read the part of a CSV file that a scenario plays.

    Raises
    ------
    BadFile
        Naming file, line, column and value of the first thing that does not fit.
    """
    times: list[float] = []
    rows: list[dict[str, float] | None] = []
    for line, cells in _chosen(replay, path):
        time = _time(replay, path, line, cells) if replay.time else replay.interval * len(times)
        if times and time < times[-1]:
            raise BadFile(path, "must not be earlier than the row before", field=replay.time or "", line=line)
        times.append(time)
        rows.append(_values(replay, path, line, cells))
    if not rows:
        raise BadFile(path, f"has no row from first_row = {replay.first_row} on")
    return Recording([time - times[0] for time in times], rows)


def _chosen(replay: Replay, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(_text(path)))
    wanted = {_column(c).column for c in replay.columns.values()} | ({replay.time} if replay.time else set())
    if missing := sorted(wanted - set(reader.fieldnames or ())):
        raise BadFile(path, f"has no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or ())}", line=1)
    last = math.inf if replay.rows is None else replay.first_row + replay.rows
    for i, row in enumerate(reader):
        if i >= last:
            return
        if None in row:
            raise BadFile(path, "expected no more cells than the heading has", line=reader.line_num)
        if i >= replay.first_row:
            yield reader.line_num, row


def _text(path: Path) -> str:
    if path.suffix != ".gz":
        return read_text(path)
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadFile(path, f"expected a CSV file in UTF-8, packed by gzip ({error})") from error


def _column(column: Column | str) -> Column:
    return Column(column) if isinstance(column, str) else column


def _values(replay: Replay, path: Path, line: int, cells: dict[str, str]) -> dict[str, float] | None:
    values = {}
    for quantity, source in replay.columns.items():
        column = _column(source)
        text = (cells[column.column] or "").strip()
        if not text:
            return None
        values[quantity] = _number(path, line, column.column, text) * column.scale * UNITS[column.unit or "1"]
    return values


def _number(path: Path, line: int, column: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadFile(path, "expected a number", field=column, value=text, line=line)
    return number


def _time(replay: Replay, path: Path, line: int, cells: dict[str, str]) -> float:
    text = cells[replay.time or ""] or ""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadFile(
            path, "expected ISO 8601 or epoch seconds", field=replay.time or "", value=text, line=line
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
