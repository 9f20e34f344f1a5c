"""Tables in files: CSV, CSV packed by gzip, Parquet."""

import csv
import gzip
import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stillcold_core.files import BadFile, read_text

Row = Mapping[str, Any]
"""Cell by heading: text from CSV, a number, time or None from Parquet."""


def rows_of(path: Path, wanted: Collection[str]) -> Iterator[tuple[int, Row]]:
    """The rows of a table, each with its line (in Parquet: its number, counted from 1).

    Parameters
    ----------
    path : Path
        ``.csv``, ``.csv.gz`` or ``.parquet``.
    wanted : collection of str
        Columns that must be there.

    Raises
    ------
    BadFile
        When it cannot be read, is not such a table, or lacks a column.
    """
    return _parquet(path, wanted) if path.suffix == ".parquet" else _csv(path, wanted)


def headings(path: Path) -> tuple[str, ...]:
    """The columns of a table.

    Raises
    ------
    BadFile
        When it cannot be read, or is not such a table.
    """
    if path.suffix != ".parquet":
        return tuple(csv.DictReader(io.StringIO(_text(path))).fieldnames or ())
    with _opened(path) as file:
        return tuple(file.schema_arrow.names)


def _csv(path: Path, wanted: Collection[str]) -> Iterator[tuple[int, Row]]:
    reader = csv.DictReader(io.StringIO(_text(path)))
    _check(path, wanted, reader.fieldnames or (), line=1)
    for row in reader:
        if None in row:
            raise BadFile(path, "expected no more cells than the heading has", line=reader.line_num)
        yield reader.line_num, row


def _text(path: Path) -> str:
    if path.suffix != ".gz":
        return read_text(path)
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadFile(path, f"expected a CSV file in UTF-8, packed by gzip ({error})") from error


def _parquet(path: Path, wanted: Collection[str]) -> Iterator[tuple[int, Row]]:
    with _opened(path) as file:
        _check(path, wanted, file.schema_arrow.names)
        number = 0
        for batch in file.iter_batches(columns=sorted(wanted)):
            for row in batch.to_pylist():
                number += 1
                yield number, row


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # Half a second that only who plays Parquet should wait.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise BadFile(path, f"expected a Parquet file ({error})") from error


def _check(path: Path, wanted: Collection[str], there: Collection[str], line: int = 0) -> None:
    if missing := sorted(set(wanted) - set(there)):
        raise BadFile(path, f"has no column {', '.join(missing)}; it has {', '.join(there)}", line=line)
