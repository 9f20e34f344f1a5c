"""Measurements as Parquet, some rows at a time whatever the size of its row groups."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillcold_core.files import BadFile
from stillcold_core.samples import Floats
from stillcold_server.measurements.rows import (
    POINT,
    POINT_EXPECTED,
    RANGE_EXPECTED,
    TIME,
    TIME_EXPECTED,
    Codes,
    Rows,
    check_names,
    in_range,
    moment,
)

MAGIC = b"PAR1"
_ROWS = 1 << 16  # read at a time
_BUFFER = 1 << 20  # bytes read of a column at a time
_INDEX = re.compile(r"__index_level_\d+__")  # what pandas adds of its own
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def check_parquet(path: Path) -> None:
    """Check the columns of a Parquet file and their types.

    Raises
    ------
    BadFile
        When the file cannot be read or a column does not fit.
    """
    with _opened(path) as file:
        schema = file.schema_arrow
    check_names(path, _names(schema))
    for name in _names(schema):
        fits, expected = _FITS.get(name, _NUMBERS)
        kind = _plain_type(schema.field(name).type)
        if not any(is_type(kind) for is_type in fits):
            raise BadFile(path, expected, field=name, value=str(kind))


def read_parquet(path: Path, points: Mapping[str, int]) -> Iterator[Rows]:
    """The rows of a Parquet file, some at a time.

    Parameters
    ----------
    path : Path
        Time as timestamp (without a zone it is UTC), number or text; point as text, or a dictionary of it; numbers.
    points : mapping of str to int
        Number of each point by its id.

    Raises
    ------
    BadFile
        Naming file, row, column and value of the first thing that does not fit.
    """
    with _opened(path) as file:
        size, total, first = path.stat().st_size, max(file.metadata.num_rows, 1), 0
        for batch in file.iter_batches(_ROWS, columns=_names(file.schema_arrow)):
            last = first + len(batch)
            yield _rows(path, batch, first, points, size * last // total)
            first = last


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path, read_dictionary=[POINT], buffer_size=_BUFFER, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise BadFile(path, f"cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _names(schema: Any) -> list[str]:
    return [name for name in schema.names if not _INDEX.fullmatch(name)]


def _plain_type(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


_NUMBER_TYPES = (
    pa.types.is_floating,
    pa.types.is_integer,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_null,
)
_NUMBERS = (_NUMBER_TYPES, "expected a column of numbers")
_FITS = {
    TIME: (
        (pa.types.is_timestamp, pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, _is_text),
        "expected timestamps, epoch seconds or ISO 8601",
    ),
    POINT: ((_is_text,), "expected a column of ids"),
}


def _rows(path: Path, batch: Any, first: int, points: Mapping[str, int], read: int) -> Rows:
    times = _times(path, batch.column(TIME), first)
    codes = _codes(path, batch.column(POINT), first, points)
    columns = {n: _numbers(batch.column(n)) for n in batch.schema.names if n not in (TIME, POINT)}
    return Rows(codes, times, columns, read)


def _times(path: Path, column: Any, first: int) -> Floats:
    kind = _plain_type(column.type)
    if pa.types.is_timestamp(kind):
        times = _seconds(column, kind.unit)
    elif _is_text(kind):
        read = [None if text is None else moment(text) for text in column.to_pylist()]
        times = np.array([np.nan if t is None else t for t in read], np.float64)
        _refuse(path, column, [t is None for t in read], first, TIME, TIME_EXPECTED)
    else:
        times = _numbers(column)
    _refuse(path, column, ~in_range(times), first, TIME, RANGE_EXPECTED)
    return times


def _seconds(column: Any, unit: str) -> Floats:
    """To the microsecond, as of CSV; NaN where there is none."""
    whole = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy(zero_copy_only=False)
    per_second = _UNITS[unit]
    seconds: Floats = whole // 1000 / 1e6 if unit == "ns" else whole / per_second
    return np.where(column.is_valid().to_numpy(zero_copy_only=False), seconds, np.nan)


def _codes(path: Path, column: Any, first: int, points: Mapping[str, int]) -> Codes:
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    known = np.array([points.get(p, -1) for p in column.dictionary.to_pylist()] or [-1], np.int32)
    codes: Codes = known[pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)]
    codes = np.where(column.is_valid().to_numpy(zero_copy_only=False), codes, -1).astype(np.int32)
    _refuse(path, column, codes < 0, first, POINT, POINT_EXPECTED)
    return codes


def _numbers(column: Any) -> Floats:
    """NaN where there is none."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    numbers = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(numbers, np.float64)


def _refuse(path: Path, column: Any, wrong: npt.ArrayLike, first: int, name: str, expected: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        row = int(rows[0])
        value = column[row].as_py()
        text = "nothing" if value is None else value if isinstance(value, str) else str(value)
        raise BadFile(path, expected, field=f"row {first + row + 1}: {name}", value=text)
