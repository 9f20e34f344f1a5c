"""Rows put into order by point on disk, so that any point can be read from its beginning in little memory.

A spool is one file of segments. A segment holds some rows by columns of 8-byte floats, sorted by point, a point's rows
in the order in which they came; a column without any number is left out. Where everything lies is kept in memory: some
ten bytes a point and segment.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from stillcold_core.samples import Floats, Samples
from stillcold_server.measurements.ahead import rows_ahead
from stillcold_server.measurements.rows import TIME, Codes, Rows

_SEGMENT = 96 << 20
"""Bytes of a segment, that are held in memory until it is written."""
_WIDTH = 8  # bytes of a number
_TIMES = 1 << 16  # rows whose times are read at a time
_UNBUFFERED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Where the rows of some points lie.

    Attributes
    ----------
    codes : ndarray of int32, shape (points,)
        Ascending.
    starts : ndarray of int64, shape (points + 1,)
        First row of each point, and the end of the last one.
    columns : mapping of str to int
        Byte at which a column begins; the time is one.
    """

    codes: Codes
    starts: npt.NDArray[np.int64]
    columns: Mapping[str, int]

    def span(self, code: int) -> tuple[int, int]:
        """First row of a point and the one after its last."""
        at = int(np.searchsorted(self.codes, code))
        if at == len(self.codes) or self.codes[at] != code:
            return 0, 0
        return int(self.starts[at]), int(self.starts[at + 1])


@dataclass(frozen=True, slots=True, eq=False)
class Spool:
    """Rows on disk, by point.

    Attributes
    ----------
    path : Path
        The file.
    points : sequence of str
        Ids by number.
    segments : sequence of Segment
        In the order in which their rows came.
    counts : ndarray of int64, shape (points,)
        Rows of each point.
    """

    path: Path
    points: Sequence[str]
    segments: Sequence[Segment]
    counts: npt.NDArray[np.int64]

    def widest(self) -> int:
        """Columns of the segment that has most of them."""
        return max((len(s.columns) for s in self.segments), default=1)


class SpoolReader:
    """Reads a spool; closed at the end of a ``with``.

    Parameters
    ----------
    spool : Spool
        Where everything lies.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._file = spool.path.open("rb", buffering=_UNBUFFERED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def read(self, code: int, rows: int, only: Collection[str] | None = None) -> Iterator[Samples]:
        """A point's samples in the order in which they came, without those that are stamped far ahead.

        Parameters
        ----------
        code : int
            Number of the point.
        rows : int
            Samples at a time, at most.
        only : collection of str, optional
            Quantities that are read; all where it is not given.
        """
        ahead = rows_ahead(times for _, _, times in self._times(code, _TIMES))
        done = 0
        for segment, begin, times in self._times(code, rows):
            names = [n for n in segment.columns if n != TIME and (only is None or n in only)]
            columns = {n: self._numbers(segment.columns[n], begin, len(times)) for n in names}
            wrong = ahead[(ahead >= done) & (ahead < done + len(times))] - done
            done += len(times)
            right = np.delete(times, wrong) if len(wrong) else times
            if len(wrong):
                columns = {n: np.delete(c, wrong) for n, c in columns.items()}
            if len(right):
                shown = {n: c for n, c in columns.items() if not np.isnan(c).all()}
                yield Samples(self._spool.points[code], right, shown, np.zeros(len(right)))

    def _times(self, code: int, rows: int) -> Iterator[tuple[Segment, int, Floats]]:
        """Segment, its row at which some of the point's rows begin, and their times."""
        for segment in self._spool.segments:
            first, last = segment.span(code)
            for begin in range(first, last, rows):
                yield segment, begin, self._numbers(segment.columns[TIME], begin, min(rows, last - begin))

    def _numbers(self, begin: int, first: int, count: int) -> Floats:
        """Part of a column, in memory that may be written, as compiled loops expect of all arrays."""
        numbers = np.empty(count)
        os.preadv(self._file.fileno(), [numbers.data.cast("B")], begin + first * _WIDTH)
        return numbers


class SpoolWriter:
    """Writes a spool; closed at the end of a ``with``.

    Parameters
    ----------
    path : Path
        The file, made anew.
    points : sequence of str
        Ids by number.
    """

    def __init__(self, path: Path, points: Sequence[str]) -> None:
        self._path, self._points = path, points
        self._file = path.open("wb", buffering=_UNBUFFERED)
        self._segments: list[Segment] = []
        self._waiting: list[Rows] = []
        self._bytes = self._written = 0
        self._counts = np.zeros(len(points), np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        if self._waiting and self._waiting[0].columns.keys() != rows.columns.keys():
            self._write()
        self._waiting.append(rows)
        self._bytes += len(rows) * _WIDTH * (2 + len(rows.columns))
        if self._bytes >= _SEGMENT:
            self._write()

    def finish(self) -> Spool:
        """Write what waits, and say where everything lies."""
        self._write()
        return Spool(self._path, self._points, self._segments, self._counts)

    def _write(self) -> None:
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        codes = np.concatenate([r.codes for r in waiting]) if waiting else np.empty(0, np.int32)
        if not len(codes):
            return
        order = None if (codes[1:] >= codes[:-1]).all() else np.argsort(codes, kind="stable")
        present, starts = np.unique(codes if order is None else codes[order], return_index=True)
        starts = np.append(starts, len(codes)).astype(np.int64)
        self._counts[present] += np.diff(starts)
        columns = {TIME: self._column([r.times for r in waiting], order)}
        for name in waiting[0].columns:
            parts = [r.columns[name] for r in waiting]
            if not all(np.isnan(part).all() for part in parts):
                columns[name] = self._column(parts, order)
        self._segments.append(Segment(present, starts, columns))

    def _column(self, parts: Sequence[Floats], order: npt.NDArray[np.intp] | None) -> int:
        """Write one column; where it begins."""
        column = np.concatenate(parts)
        data = (column if order is None else column[order]).data.cast("B")
        begin = self._written
        while data:
            written = self._file.write(data)
            self._written += written
            data = data[written:]
        return begin
