"""Rows of a file of measurements, and what holds for both kinds of file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillcold_core.files import BadFile
from stillcold_core.quantities import QUANTITIES
from stillcold_core.samples import Floats

TIME, POINT = "time", "point"
END_OF_TIME = 253_402_300_800.0
"""s; 10000-01-01."""
TIME_EXPECTED = "expected epoch seconds or ISO 8601"
RANGE_EXPECTED = "expected a time between 1970 and 9999"
POINT_EXPECTED = "expected the id of a point in the registry"
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a file, in its order.

    Attributes
    ----------
    codes : ndarray of int32, shape (n,)
        Whose each row is: number of the point.
    times : ndarray of float64, shape (n,)
        UTC, seconds since 1970-01-01.
    columns : mapping of str to ndarray of float64, shape (n,)
        By quantity; NaN where missing.
    read : int
        Bytes of the file up to the last of them, for those who watch the progress.
    """

    codes: Codes
    times: Floats
    columns: Mapping[str, Floats]
    read: int

    def __len__(self) -> int:
        return len(self.times)


def check_names(path: Path, names: Sequence[str], line: int = 0) -> None:
    """Check the names of a file's columns.

    Raises
    ------
    BadFile
        When time or point is missing, a column stands twice or is no quantity.
    """
    for name in (TIME, POINT):
        if name not in names:
            raise BadFile(path, f"expected a column {name!r}", line=line, field=name)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadFile(path, "a column stands twice", line=line, field=name)
        if name not in (TIME, POINT) and name not in QUANTITIES:
            raise BadFile(path, "expected 'time', 'point' or a quantity of the vocabulary", line=line, value=name)
        seen.add(name)


def moment(text: str) -> float | None:
    """UTC seconds of epoch seconds or ISO 8601 as text; None where it is neither.

    Times are in UTC, so a text without an offset is too.

    Examples
    --------
    >>> moment("2026-01-01T08:00:00+08:00") == moment("2026-01-01T00:00:00") == moment("1767225600")
    True
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def in_range(times: Floats) -> npt.NDArray[np.bool_]:
    """Whether each time is one of the years 1970 to 9999; NaN is not."""
    return (times >= 0) & (times < END_OF_TIME)
