"""Detection over files of measurements: the live detectors, in bounded memory, on several cores."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.files import BadFile
from stillcold_core.registry import Registry
from stillcold_server.detection.compiled import compile_detectors
from stillcold_server.detection.scan_work import Judged, Part, Work
from stillcold_server.measurements.files import check_measurements, find_measurements, read_measurements
from stillcold_server.measurements.spool import Spool, SpoolWriter

Told = Callable[[int], None]
"""Is called with how much more of a stage has been done."""
Watch = Callable[[str, int], AbstractContextManager[Told]]
"""Is called at the beginning of a stage with its name and its whole amount: bytes, or rows."""
_WORTH_COMPILING = 20_000  # rows; loading what was compiled takes a second or two
_WORTH_PROCESSES = 500_000  # rows; a process takes a second or two to start
_LOOK = 0.3  # s between two looks at what the processes have done


class Scanned(NamedTuple):
    """What became of a scan.

    Attributes
    ----------
    alerts : int
        Alerts that were written.
    failed : int
        Blocks of samples that a detector failed on and left out: above 0, an alert may be missing.
    """

    alerts: int
    failed: int


@contextmanager
def unwatched(_stage: str, _amount: int) -> Iterator[Told]:
    """Nobody watches the progress."""
    yield lambda _: None


def scan_files(
    registry: Registry, measurements: Sequence[Path], alerts: Path, *, jobs: int = 1, watch: Watch = unwatched
) -> Scanned:
    """Judge files of measurements and write what was found.

    The alerts are the same however the rows lie in the files and whatever ``jobs`` is. Rows are put into order by point
    in a temporary file beside ``alerts``, which takes 8 bytes a number; memory does not grow with the files.

    Parameters
    ----------
    registry : Registry
        Sites, lines and points.
    measurements : sequence of Path
        Files, or folders of them: CSV (may be packed by gzip) or Parquet with ``time`` (epoch seconds or ISO 8601, in
        UTC), ``point``, then quantities; empty means missing. Each point's rows stand in order of time, over all files
        in the order given.
    alerts : Path
        JSON lines, one an alert, by the time at which they were detected. What began under a permit is none: the server
        records it too, and tells nobody. It appears when it is complete.
    jobs : int
        Processes at most.
    watch : callable
        Is told of the progress.

    Returns
    -------
    Scanned
        How many alerts were written, and whether a detector failed.

    Raises
    ------
    BadFile
        Naming file, line, column and value of the first thing that does not fit, or what cannot be written.
    """
    files = find_measurements(measurements)
    for path in files:
        check_measurements(path)
    with _written(alerts) as (folder, out):
        spool = _spooled(registry, files, folder / "rows", watch)
        judged = _judged(registry, spool, folder, jobs, watch)
        told = [f for part in judged for f in part.findings if not registry.permitted(f.line, f.kind, f.began)]
        told.sort(key=lambda f: (f.detected, f.id))
        out.write_bytes(b"".join(msgspec.json.encode(alert_record(f)) + b"\n" for f in told))
    return Scanned(len(told), sum(part.failed for part in judged))


def alert_record(finding: Finding) -> dict[str, object]:
    """An alert as the alerts file has it."""
    return {
        "id": finding.id, "kind": finding.kind, "severity": finding.severity, "site": finding.site,
        "line": finding.line, "point": finding.point, "began": iso(finding.began), "detected": iso(finding.detected),
        "ended": None if finding.ended is None else iso(finding.ended), "reason": finding.reason,
        "evidence": dict(finding.evidence),
    }  # fmt: skip


@contextmanager
def _written(alerts: Path) -> Iterator[tuple[Path, Path]]:
    """A folder for temporary files, and the file in it that becomes ``alerts`` at the end."""
    target = alerts.resolve()
    special = alerts.is_relative_to("/dev") or (target.exists() and not target.is_file())
    try:
        with tempfile.TemporaryDirectory(prefix=".scan-", dir=None if special else target.parent) as name:
            folder = Path(name)
            yield folder, folder / "alerts"
            if special:
                with alerts.open("ab") as file:
                    file.write((folder / "alerts").read_bytes())
            else:
                (folder / "alerts").replace(target)
    except OSError as error:
        raise BadFile(error.filename or alerts, f"cannot be written ({error.strerror})") from error


def _spooled(registry: Registry, files: Sequence[Path], path: Path, watch: Watch) -> Spool:
    points = [p.id for p in registry.point]
    codes = {name: code for code, name in enumerate(points)}
    sizes = [file.stat().st_size for file in files]
    with watch("reading", sum(sizes)) as told, SpoolWriter(path, points) as writer:
        for file, size in zip(files, sizes, strict=True):
            done = 0
            for rows in read_measurements(file, codes):
                writer.add(rows)
                told(rows.read - done)
                done = rows.read
            told(size - done)
        return writer.finish()


def _judged(registry: Registry, spool: Spool, folder: Path, jobs: int, watch: Watch) -> list[Judged]:
    work = Work(registry, spool)
    parts = work.parts()
    rows = sum(p.rows for p in parts)
    with watch("judging", rows) as told:
        if rows >= _WORTH_COMPILING:
            compile_detectors()  # once; processes then load what was compiled
        if min(jobs, len(parts)) <= 1 or rows < _WORTH_PROCESSES:
            return [work.judge(part, told) for part in parts]
        return _judged_apart(work, parts, folder / "done", min(jobs, len(parts)), told)


def _judged_apart(work: Work, parts: Sequence[Part], path: Path, jobs: int, told: Told) -> list[Judged]:
    """Each part by one of several processes; each counts in a file of its own place what it has done."""
    done = np.memmap(path, np.int64, "w+", shape=(len(parts),))
    seen = 0
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (work, path)) as pool:
        futures = [pool.submit(_judge, number, part) for number, part in enumerate(parts)]
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, _LOOK, FIRST_COMPLETED)
            now = int(done.sum())
            told(now - seen)
            seen = now
        return [future.result() for future in futures]


_of_this_process: list[tuple[Work, Path]] = []
"""What :func:`_begin` left in a process of the pool."""


def _begin(work: Work, done: Path) -> None:
    if sum(p.rows for p in work.parts()) >= _WORTH_COMPILING:
        compile_detectors()
    _of_this_process.append((work, done))


def _judge(number: int, part: Part) -> Judged:
    work, path = _of_this_process[-1]
    done = np.memmap(path, np.int64, "r+")

    def told(rows: int) -> None:
        done[number] += rows

    return work.judge(part, told)
