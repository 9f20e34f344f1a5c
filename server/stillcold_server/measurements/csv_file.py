"""Measurements as CSV, plain or packed by gzip: a fast reader by blocks, and a plain one that says what is wrong.

The fast reader either gives what the plain one gives or refuses a block; then the plain one reads it, and names the
cell that does not fit.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from stillcold_core.files import BadFile, unreadable
from stillcold_core.samples import Floats
from stillcold_server.measurements.rows import (
    POINT,
    POINT_EXPECTED,
    RANGE_EXPECTED,
    TIME,
    TIME_EXPECTED,
    Rows,
    check_names,
    in_range,
    moment,
)

_BLOCK = 8 << 20  # bytes
_LONGEST = 64 << 20  # bytes of one line
_PARSED_AT_ONCE = 1 << 20  # bytes; several such parts of a block are parsed in parallel
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_END_OF_LINE = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole lines of a file: the number of the first one, and bytes of the file up to the last one."""

    text: bytes
    line: int
    read: int


_NOTHING = _Block(b"", 1, 0)


def check_csv(path: Path) -> None:
    """Check the header of a CSV file.

    Raises
    ------
    BadFile
        When the file cannot be read or a column does not fit.
    """
    with _blocks(path, _PARSED_AT_ONCE) as blocks:
        _header(path, next(blocks, _NOTHING))


def read_csv(path: Path, points: Mapping[str, int]) -> Iterator[Rows]:
    """The rows of a CSV file, some at a time.

    Parameters
    ----------
    path : Path
        UTF-8, with a header.
    points : mapping of str to int
        Number of each point by its id.

    Raises
    ------
    BadFile
        Naming file, line, column and value of the first thing that does not fit.
    """
    with _blocks(path, _BLOCK) as blocks:
        names, first = _header(path, next(blocks, _NOTHING))
        for block in chain([first], blocks):
            rows = _fast(block, names, points)
            yield _plain(path, block, names, points) if rows is None else rows


@contextmanager
def _blocks(path: Path, size: int) -> Iterator[Iterator[_Block]]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            file: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
            yield _cut(path, file, raw.tell, size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(path, f"not gzip: {error}") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _cut(path: Path, file: BinaryIO, tell: Callable[[], int], size: int) -> Iterator[_Block]:
    rest, line = b"", 1
    while data := file.read(size):
        data = rest + data
        end = (data.rfind(b"\n") + 1) or (data.rfind(b"\r") + 1)
        text, rest = data[:end], data[end:]
        if len(rest) > _LONGEST:
            raise BadFile(path, f"not CSV: no end of line within {_LONGEST} bytes", line=line)
        if text:
            yield _Block(text, line, tell())
        line += _lines(text)
    if rest:
        yield _Block(rest, line, tell())


def _lines(text: bytes) -> int:
    return text.count(b"\n") or text.count(b"\r")


def _header(path: Path, block: _Block) -> tuple[list[str], _Block]:
    """Names of the columns, and the block without them."""
    text = block.text.removeprefix(_BOM)
    end = _END_OF_LINE.search(text)
    size = end.end() if end else len(text)
    line = _decoded(path, _Block(text[:size], 1, 0)).rstrip("\r\n")
    try:
        names = next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise BadFile(path, f"not CSV: {error}", line=1) from error
    check_names(path, names, line=1)
    return names, _Block(text[size:], block.line + 1, block.read)


def _decoded(path: Path, block: _Block) -> str:
    try:
        return block.text.decode()
    except UnicodeDecodeError as error:
        line = block.line + _lines(block.text[: error.start])
        raise BadFile(path, "expected a text file in UTF-8", line=line) from error


def _fast(block: _Block, names: Sequence[str], points: Mapping[str, int]) -> Rows | None:
    """The rows of a block; None where any cell may be wrong."""
    types = {name: pa.float64() for name in names}
    types |= {TIME: _time_type(block, names), POINT: pa.dictionary(pa.int32(), pa.string())}
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(block.text),
            pa_csv.ReadOptions(column_names=names, block_size=_PARSED_AT_ONCE),
            pa_csv.ParseOptions(),
            pa_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    codes = _codes(table.column(POINT), points)
    times = _seconds(table.column(TIME))
    if codes.min(initial=0) < 0 or not in_range(times).all():
        return None
    columns = {name: table.column(name).to_numpy() for name in names if name not in (TIME, POINT)}
    return Rows(codes, times, columns, block.read)


def _time_type(block: _Block, names: Sequence[str]) -> Any:
    """By the first row; a block whose times have several forms is read by the plain reader."""
    line = _END_OF_LINE.split(block.text[:4096].lstrip(), maxsplit=1)[0].decode(errors="replace")
    cells = next(csv.reader([line]), [])
    text = cells[names.index(TIME)] if len(cells) == len(names) else ""
    try:
        float(text)
    except ValueError:
        aware = text.endswith("Z") or "+" in text or text.count("-") > 2
        return pa.timestamp("ns", tz="UTC" if aware else None)
    return pa.float64()


def _codes(column: Any, points: Mapping[str, int]) -> Any:
    """Numbers of the points; -1 for those that are unknown."""
    parts = [
        np.array([points.get(p, -1) for p in chunk.dictionary.to_pylist()] or [-1], np.int32)[chunk.indices.to_numpy()]
        for chunk in column.chunks
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int32)


def _seconds(column: Any) -> Floats:
    """UTC seconds, NaN where there are none; of moments as the plain reader has them, to the microsecond."""
    if pa.types.is_floating(column.type):
        return column.to_numpy()  # type: ignore[no-any-return]
    if column.null_count:
        return np.full(len(column), np.nan)
    nanoseconds = pc.cast(column, pa.int64()).to_numpy()
    return nanoseconds // 1000 / 1e6  # type: ignore[no-any-return]


def _plain(path: Path, block: _Block, names: Sequence[str], points: Mapping[str, int]) -> Rows:
    text = io.StringIO(_decoded(path, block), newline="")
    rows = csv.reader(text, strict=True)
    try:
        read = [_Row(path, block.line + rows.line_num - 1, names, c).numbers(points) for c in rows if c]
    except csv.Error as error:
        raise BadFile(path, f"not CSV: {error}", line=block.line + rows.line_num - 1) from error
    table = np.array(read, np.float64).reshape(len(read), len(names)).T
    by_name = {name: np.ascontiguousarray(column) for name, column in zip(names, table, strict=True)}
    codes, times = by_name.pop(POINT).astype(np.int32), by_name.pop(TIME)
    return Rows(codes, times, by_name, block.read)


class _Row:
    """One row, and where it stands."""

    def __init__(self, path: Path, line: int, names: Sequence[str], cells: Sequence[str]) -> None:
        if len(cells) != len(names):
            raise BadFile(path, f"expected {len(names)} columns, got {len(cells)}", line=line)
        self.path, self.line = path, line
        self.cells = dict(zip(names, cells, strict=True))

    def numbers(self, points: Mapping[str, int]) -> list[float]:
        """Every cell as a number: the point's for the point, NaN where missing."""
        return [self._number(name, cell, points) for name, cell in self.cells.items()]

    def _number(self, name: str, cell: str, points: Mapping[str, int]) -> float:
        if name == TIME:
            return self._time(cell)
        if name == POINT:
            if cell not in points:
                raise self._bad(name, POINT_EXPECTED)
            return points[cell]
        try:
            return float(cell or "nan")
        except ValueError:
            raise self._bad(name, "expected a number, or nothing where it is missing") from None

    def _time(self, cell: str) -> float:
        time = moment(cell)
        if time is None:
            raise self._bad(TIME, TIME_EXPECTED)
        if not in_range(np.array(time)):
            raise self._bad(TIME, RANGE_EXPECTED)
        return time

    def _bad(self, column: str, expected: str) -> BadFile:
        return BadFile(self.path, expected, line=self.line, field=column, value=self.cells[column])
