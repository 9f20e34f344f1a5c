"""Bringing the detectors in memory to where the store says that detection has come.

States are written behind, so after a crash the batches that came since are judged once more. What they tell has been
recorded, and is not told again. A subject whose state is missing, or of another version, is judged anew over its
newest batches, within bounds; of what is found there, only what still goes on is told.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from stillcold_core.detect.findings import Finding, followed
from stillcold_core.samples import Samples, plausible
from stillcold_server.days import DAY
from stillcold_server.detection.bound import Bound
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.states import Kept, load_states
from stillcold_server.detection.subjects import Key, Subject, Subjects
from stillcold_server.followers import Stored, load_batches, load_these
from stillcold_server.store.schema import batch, batch_point

log = logging.getLogger(__name__)
_TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a judgement anew goes back: at most so many days, and so many batches of all gateways together."""

    days: float = 14.0
    batches: int = 20_000


@dataclass(frozen=True, slots=True)
class Recalled:
    """The detectors at the cursor.

    Attributes
    ----------
    judge : Judge
        Its ``touched`` are the subjects whose row in the store is behind.
    floor : int
        Id of the last batch that all rows cover.
    rebuilt : list of Subject
        Those without a state, which were judged anew.
    going_on : list of Finding
        What these were found to do, and still do.
    """

    judge: Judge
    floor: int
    rebuilt: list[Subject]
    going_on: list[Finding]


def recall(connection: Connection, subjects: Subjects, bound: Bound, position: int, bounds: Bounds) -> Recalled:
    """Judge the batches up to ``position`` that the stored states do not cover."""
    kept = load_states(connection, subjects)
    judge = Judge(subjects, kept.states)
    found: dict[Key, dict[str, Finding]] = {key: {} for key in kept.stale}
    for stored in _behind(connection, kept, subjects, position, bounds):
        for block in bound.believed(stored):
            _again(judge, kept, stored.id, block.numbers(), found)
    going_on = [f for findings in found.values() for f in findings.values() if f.ended is None]
    return Recalled(judge, kept.floor, list(kept.stale.values()), going_on)


def _again(judge: Judge, kept: Kept, number: int, samples: Samples, found: dict[Key, dict[str, Finding]]) -> None:
    watching = [s for s in judge.subjects.get(samples.point, ()) if number > kept.covers.get(s.key, 0)]
    samples = plausible(samples) if watching else samples
    for subject in watching:
        for finding in judge.judge(subject, samples):
            if subject.key in kept.stale:
                known = found[subject.key]
                known[finding.id] = followed(known[finding.id], finding) if finding.id in known else finding


def _behind(connection: Connection, kept: Kept, subjects: Subjects, position: int, bounds: Bounds) -> Iterator[Stored]:
    """First the batches that speak of subjects without a state, then all that not every state covers."""
    points = {name for name, watching in subjects.items() if any(s.key in kept.stale for s in watching)}
    numbers = _speaking(connection, points, kept.floor, position, bounds)
    if numbers:
        log.warning("judging %d stored batches for %d subjects without a state", len(numbers), len(kept.stale))
    for i in range(0, len(numbers), _TOGETHER):
        yield from load_these(connection, numbers[i : i + _TOGETHER])
    after = kept.floor
    while batches := load_batches(connection, after, _TOGETHER, until=position):
        yield from batches
        after = batches[-1].id


def _speaking(connection: Connection, points: set[str], floor: int, position: int, bounds: Bounds) -> Sequence[int]:
    """Ids, up to the floor, of the newest batches that speak of some points."""
    newest = connection.scalar(select(batch.c.received_at).where(batch.c.id == position)) or 0
    rows = connection.execute(
        select(batch_point.c.batch, batch_point.c.point)
        .join(batch, batch.c.id == batch_point.c.batch)
        .where(
            batch.c.id <= floor,
            batch.c.id > position - bounds.batches,
            batch.c.received_at >= newest - bounds.days * DAY,
        )
    )
    return sorted({row.batch for row in rows if row.point in points})
