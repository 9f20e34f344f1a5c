"""Files of measurements, whatever their form."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stillcold_core.files import BadFile, unreadable
from stillcold_server.measurements.csv_file import check_csv, read_csv
from stillcold_server.measurements.parquet_file import MAGIC, check_parquet, read_parquet
from stillcold_server.measurements.rows import Rows

SUFFIXES = (".csv", ".csv.gz", ".parquet")


def find_measurements(named: Sequence[Path]) -> list[Path]:
    """The files that somebody named; of a folder those in it, by their names.

    Raises
    ------
    BadFile
        When a folder has none.
    """
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.lower().endswith(SUFFIXES))
            if not inside:
                raise BadFile(path, f"expected files that end with {', '.join(SUFFIXES)} in this folder")
            found += inside
        else:
            found.append(path)
    return found


def check_measurements(path: Path) -> None:
    """Check what a file says of its columns, before any row is read.

    Raises
    ------
    BadFile
        When it cannot be read, or a column does not fit.
    """
    (check_parquet if _is_parquet(path) else check_csv)(path)


def read_measurements(path: Path, points: Mapping[str, int]) -> Iterator[Rows]:
    """The rows of a file, some at a time, in their order.

    Parameters
    ----------
    path : Path
        CSV (may be packed by gzip) or Parquet, told apart by their first bytes.
    points : mapping of str to int
        Number of each point by its id.

    Raises
    ------
    BadFile
        Naming file, line or row, column and value of the first thing that does not fit.
    """
    yield from (read_parquet if _is_parquet(path) else read_csv)(path, points)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise unreadable(path, error) from error
