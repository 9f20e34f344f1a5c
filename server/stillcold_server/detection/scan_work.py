"""What one process of a scan does: judge the points of a site, or the frequencies of all points."""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from stillcold_core.detect.detector import Scope
from stillcold_core.detect.findings import Finding, followed
from stillcold_core.registry import Registry
from stillcold_core.samples import Samples
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.overrun import newest_of, overruns
from stillcold_server.detection.subjects import Subjects, subjects_of
from stillcold_server.measurements.in_step import in_step
from stillcold_server.measurements.spool import Spool, SpoolReader

_SITE: tuple[Scope, ...] = ("line", "point", "site")
_FLEET: tuple[Scope, ...] = ("fleet",)
_SITE_STEP = 3600.0  # s by which points of a site may be ahead of each other; three hours change nothing
_FLEET_STEP = 240.0  # s; four windows of the fleet's detector, which waits for five
_MEMORY = 32 << 20  # bytes of samples that are held of all points that are judged together
_MOST_ROWS = 1 << 16  # of one point at a time
_NUMBER = 8  # bytes


class Part(NamedTuple):
    """What is judged apart from everything else."""

    site: str | None
    """None stands for all points, by the detectors that watch them together."""
    rows: int


class Judged(NamedTuple):
    """What was found in a part.

    Attributes
    ----------
    findings : list of Finding
        Each once, as it was said last.
    failed : int
        Blocks of samples that a detector failed on and left out.
    """

    findings: list[Finding]
    failed: int


class Work:
    """Everything that is to be judged.

    Parameters
    ----------
    registry : Registry
        Sites, lines and points.
    spool : Spool
        The rows; its points are the registry's, in its order.
    """

    def __init__(self, registry: Registry, spool: Spool) -> None:
        self._registry, self._spool = registry, spool
        site_of = {line.id: line.site for line in registry.line}
        self._codes: dict[str, list[int]] = {}
        for code, point in enumerate(registry.point):
            if spool.counts[code]:
                self._codes.setdefault(site_of[point.line], []).append(code)

    def parts(self) -> list[Part]:
        """What can be judged apart, the largest first."""
        sites = [Part(site, int(self._spool.counts[codes].sum())) for site, codes in self._codes.items()]
        everybody = [Part(None, int(self._spool.counts.sum()))] if sites else []
        return everybody + sorted(sites, key=lambda p: -p.rows)

    def judge(self, part: Part, told: Callable[[int], None]) -> Judged:
        """What is found in one part.

        Parameters
        ----------
        part : Part
            One of :meth:`parts`.
        told : callable
            Called with the number of rows that have been judged since it was called last.
        """
        subjects = self._fleet if part.site is None else self._sites
        judge = Judge(subjects)
        found: dict[str, Finding] = {}
        left = part.rows
        with SpoolReader(self._spool) as reader:
            for samples in self._samples(reader, part, subjects):
                for finding in judge.feed(samples):
                    first = found.get(finding.id)
                    found[finding.id] = followed(first, finding) if first else finding
                told(len(samples))
                left -= len(samples)
        told(left)  # those of points that nothing watches
        permits = self._registry.permit
        newest = newest_of(judge.states, {p.line for p in permits})
        return Judged([*found.values(), *overruns(found.values(), permits, newest)], judge.failed.total())

    def _samples(self, reader: SpoolReader, part: Part, subjects: Subjects) -> Iterator[Samples]:
        codes = [c for cs in self._codes.values() for c in cs] if part.site is None else self._codes[part.site]
        watched = [c for c in codes if self._spool.points[c] in subjects]
        columns = 2 if part.site is None else self._spool.widest()
        rows = max(min(_MEMORY // (_NUMBER * columns * max(len(watched), 1)), _MOST_ROWS), 1)
        if part.site is None:
            return in_step([_with_frequency(reader, code, rows) for code in watched], _FLEET_STEP)
        points = [reader.read(code, rows) for code in watched]
        return in_step(points, _SITE_STEP if len(points) > 1 else math.inf)

    @cached_property
    def _sites(self) -> Subjects:
        return subjects_of(self._registry, scopes=_SITE)

    @cached_property
    def _fleet(self) -> Subjects:
        return subjects_of(self._registry, scopes=_FLEET)


def _with_frequency(reader: SpoolReader, code: int, rows: int) -> Iterator[Samples]:
    return (samples for samples in reader.read(code, rows, ("frequency",)) if samples.columns)
