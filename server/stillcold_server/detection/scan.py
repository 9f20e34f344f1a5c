"""Detection over files of measurements: the live detectors, fed row by row in constant memory."""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

import msgspec

from stillcold_core.detect.findings import Finding, followed, iso
from stillcold_core.files import BadFile
from stillcold_core.quantities import QUANTITIES
from stillcold_core.readings import Absence, Sample, Value
from stillcold_core.registry import Registry
from stillcold_core.samples import by_columns
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.subjects import subjects_of


def scan_files(registry: Registry, measurements: Sequence[Path], alerts: Path) -> int:
    """Judge files of measurements and write what was found.

    Parameters
    ----------
    registry : Registry
        Sites, lines and points.
    measurements : sequence of Path
        CSV: ``time`` (epoch seconds or ISO 8601 in UTC), ``point``, then quantities; empty means missing. Each point's
        rows stand in order of time, over all files in the order given.
    alerts : Path
        JSON lines, one an alert, in the order in which they were detected. What began under a permit is none: the
        server records it too, and tells nobody.

    Returns
    -------
    int
        How many alerts were written.

    Raises
    ------
    BadFile
        Naming file, line, column and value of the first thing that does not fit.
    """
    found: dict[str, Finding] = {}
    judge = Judge(subjects_of(registry))
    known = {p.id for p in registry.point}
    for path in measurements:
        for sample in read_measurements(path, known):
            for finding in judge.feed(by_columns([sample])):
                if not registry.permitted(finding.line, finding.began):
                    first = found.get(finding.id)
                    found[finding.id] = followed(first, finding) if first else finding
    with alerts.open("wb") as out:
        for finding in found.values():
            out.write(msgspec.json.encode(alert_record(finding)) + b"\n")
    return len(found)


def alert_record(finding: Finding) -> dict[str, object]:
    """An alert as the alerts file has it."""
    return {
        "id": finding.id, "kind": finding.kind, "severity": finding.severity, "site": finding.site,
        "line": finding.line, "point": finding.point, "began": iso(finding.began), "detected": iso(finding.detected),
        "ended": None if finding.ended is None else iso(finding.ended), "reason": finding.reason,
        "evidence": dict(finding.evidence),
    }  # fmt: skip


def read_measurements(path: Path, points: Iterable[str]) -> Iterator[Sample]:
    """The samples of a CSV file, one at a time.

    Raises
    ------
    BadFile
        When a column or a value does not fit.
    """
    known = set(points)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _samples(path, file, known)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror}); expected a readable file") from error
    except UnicodeDecodeError as error:
        raise BadFile(path, "expected a text file in UTF-8") from error


def _samples(path: Path, file: TextIO, known: set[str]) -> Iterator[Sample]:
    rows = csv.reader(file, strict=True)
    try:
        header = next(rows, [])
        _check_header(path, header)
        for cells in rows:
            if cells:
                yield _sample(_Row(path, rows.line_num, header, cells), known)
    except csv.Error as error:
        raise BadFile(path, f"not CSV: {error}", line=rows.line_num) from error


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in ("time", "point"):
        if name not in header:
            raise BadFile(path, f"expected a column {name!r}", line=1, field=name)
    for i, name in enumerate(header):
        if header.index(name) != i:
            raise BadFile(path, "a column stands twice", line=1, field=name)
        if name not in ("time", "point") and name not in QUANTITIES:
            raise BadFile(path, "expected 'time', 'point' or a quantity of the vocabulary", line=1, value=name)


class _Row:
    """One row, and where it stands."""

    def __init__(self, path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
        if len(cells) != len(header):
            raise BadFile(path, f"expected {len(header)} columns, got {len(cells)}", line=line)
        self.path, self.line = path, line
        self.cells = dict(zip(header, cells, strict=True))

    def bad(self, column: str, expected: str) -> BadFile:
        return BadFile(self.path, expected, line=self.line, field=column, value=self.cells[column])


def _sample(row: _Row, known: set[str]) -> Sample:
    point = row.cells["point"]
    if point not in known:
        raise row.bad("point", "expected the id of a point in the registry")
    time = _time(row)
    values = {name: _value(row, name) for name, cell in row.cells.items() if name in QUANTITIES and cell}
    return Sample(point, time, values)


def _time(row: _Row) -> float:
    text = row.cells["time"]
    try:
        time = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise row.bad("time", "expected epoch seconds or ISO 8601") from None
        if moment.tzinfo is None:
            raise row.bad("time", "expected an offset, e.g. 2026-01-01T00:00:00Z") from None
        time = moment.timestamp()
    if not (math.isfinite(time) and 0 <= time < 253_402_300_800):
        raise row.bad("time", "expected a time between 1970 and 9999")
    return time


def _value(row: _Row, name: str) -> Value:
    try:
        value = float(row.cells[name])
    except ValueError:
        raise row.bad(name, "expected a number, or nothing where it is missing") from None
    return value if QUANTITIES[name].plausible(value) else Absence.OUT_OF_RANGE
