"""Measurements files: time, point, and a column a quantity."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

_AT_ONCE = 1000
"""Rows of Parquet in memory at most."""


class Sheet(Protocol):
    """Takes row after row."""

    def add(self, time: float, values: Mapping[str, float]) -> None:
        """One reading at ``time`` (UTC, s since 1970-01-01); what is missing in ``values`` stays empty."""


@contextmanager
def open_sheet(path: Path, point: str, quantities: Sequence[str]) -> Iterator[Sheet]:
    """Begin a measurements file of one point.

    Parameters
    ----------
    path : Path
        ``.parquet``, or else CSV; an older file is replaced.
    point : str
        Of each row.
    quantities : sequence of str
        Its columns.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    with (_parquet if path.suffix == ".parquet" else _csv)(path, point, quantities) as sheet:
        yield sheet


@contextmanager
def _csv(path: Path, point: str, quantities: Sequence[str]) -> Iterator[Sheet]:
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["time", "point", *quantities])

        class Csv:
            def add(self, time: float, values: Mapping[str, float]) -> None:
                # All digits, so that the value goes back into the words that it came from.
                writer.writerow([f"{time:.3f}", point, *(repr(values[q]) if q in values else "" for q in quantities)])
                lines.flush()

        yield Csv()


@contextmanager
def _parquet(path: Path, point: str, quantities: Sequence[str]) -> Iterator[Sheet]:
    import pyarrow as pa  # noqa: PLC0415  # half a second that CSV need not wait for
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = pa.float64()
    schema = pa.schema([("time", number), ("point", pa.string()), *((q, number) for q in quantities)])
    rows: list[Mapping[str, object]] = []
    with pq.ParquetWriter(path, schema) as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(rows, schema))
            rows.clear()

        class Parquet:
            def add(self, time: float, values: Mapping[str, float]) -> None:
                rows.append({"time": round(time, 3), "point": point, **values})
                if len(rows) >= _AT_ONCE:
                    flush()

        try:
            yield Parquet()
        finally:
            flush()
