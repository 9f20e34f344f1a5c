"""Detection as a follower of the store.

Batches are judged in memory before the transaction; findings, lines' conditions and the cursor are committed together.
The detectors' states are written behind, a few with every commit.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine

from stillcold_core.detect import restart
from stillcold_core.detect.findings import Finding, followed
from stillcold_core.detect.restart import RestartState, condition, proving
from stillcold_core.registry import Permit
from stillcold_server.alerts.lifecycle import findings_of, going_on
from stillcold_server.detection.ahead import settle_ahead
from stillcold_server.detection.bound import Bound
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.overrun import is_overrun, newest_of, overruns
from stillcold_server.detection.recall import Bounds, Recalled, recall
from stillcold_server.detection.states import save_states
from stillcold_server.detection.subjects import Key, Subject, said_by, subjects_of
from stillcold_server.followers import Follower, Stored, position
from stillcold_server.registry.ledger import export_registry, registry_revision
from stillcold_server.store.database import read, upsert, write
from stillcold_server.store.lease import Lease
from stillcold_server.store.refusals import count_refusals
from stillcold_server.store.schema import line_status

log = logging.getLogger(__name__)
NAME = "detection"
"""Of the follower."""
CHECKPOINT = 300.0
"""s in which every state that has changed is written once."""


@dataclass
class _Memory:
    """The detectors, and how far they have come.

    Attributes
    ----------
    position : int
        Id of the last batch that was judged.
    behind : dict of Key to (Subject, int)
        Subjects whose row in the store does not cover all that was judged, the longest behind first, and the id of the
        last batch that it covers.
    found : list of Finding
        What is still to be recorded.
    """

    revision: int
    bound: Bound
    permits: tuple[Permit, ...]
    judge: Judge
    position: int
    behind: dict[Key, tuple[Subject, int]] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def floor(self) -> int:
        """Id of the last batch that all rows cover."""
        return next((covered for _, covered in self.behind.values()), self.position)


class Detection:
    """Judges stored batches for the follower ``detection``.

    Parameters
    ----------
    engine : Engine
        The database.
    on_finding : callable
        Called with the transaction and each finding: it raises, follows or ends the alert in the same transaction.
    before : callable
        Called each time before something is judged, by the thread that judges.
    every : float
        s in which every state that has changed is written once.
    bounds : Bounds
        How far a subject without a state is judged anew.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        engine: Engine,
        on_finding: Callable[[Connection, Finding], None],
        *,
        before: Callable[[], None] = lambda: None,
        every: float = CHECKPOINT,
        bounds: Bounds = Bounds(),  # noqa: B008  # frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._on_finding, self._before = engine, on_finding, before
        self._every, self._bounds, self._clock = every, bounds, clock
        self._memory: _Memory | None = None
        self._written_at, self._due = clock(), 0.0

    def follower(
        self,
        after: Callable[[], None] | None = None,
        *,
        lease: Lease | None = None,
        watched: Callable[[], None] | None = None,
    ) -> Follower:
        """The follower that does it; see there."""
        return Follower(
            NAME, self._engine,
            prepare=self.prepare, handle=self.handle, after=after, closed=self.checkpoint, lease=lease, watched=watched,
        )  # fmt: skip

    def prepare(self, batches: Sequence[Stored]) -> None:
        """Judge the batches in memory."""
        self._before()
        memory, self._memory = self._memory, None  # what breaks off here is not gone on with
        with read(self._engine) as connection:
            at, revision = position(connection, NAME), registry_revision(connection)
            if memory is None or memory.position != at:
                memory = self._recalled(connection, at, revision)
            elif memory.revision != revision:
                registry = export_registry(connection)
                memory.revision, memory.bound, memory.permits = revision, Bound(registry), registry.permit
                memory.judge.subjects = subjects_of(registry)
        _judge(memory, batches)
        self._memory = memory

    def handle(self, connection: Connection, batches: Sequence[Stored]) -> None:
        """Record what was found, and some states."""
        memory = self._memory
        if memory is None:
            raise RuntimeError("nothing was prepared")
        touched, memory.judge.touched = memory.judge.touched, {}
        lines = [s for s in touched.values() if s.detector is _RESTART]
        self._tell(connection, memory.found)
        self._tell(connection, _overrun(connection, memory, [s.id for s in lines]))
        found = {f.id for f in memory.found}
        self._tell(connection, list(settle_ahead(connection, memory.judge.states, [s.id for s in lines], found)))
        memory.found = []
        upsert(connection, line_status, [_status(memory, s) for s in lines])
        count_refusals(connection, memory.refused, batches[-1].received_at)
        memory.refused = []
        self._write(connection, memory, self._share(memory))

    def _tell(self, connection: Connection, findings: Sequence[Finding]) -> None:
        for finding in findings:
            log.warning("%s on %s: %s", finding.kind, finding.line, finding.reason)
            self._on_finding(connection, finding)

    def checkpoint(self) -> None:
        """Write all states that are behind."""
        memory, self._memory = self._memory, None
        if memory is not None and memory.behind:
            with write(self._engine) as connection:
                if memory.position == position(connection, NAME):
                    self._write(connection, memory, len(memory.behind))

    def _recalled(self, connection: Connection, at: int, revision: int) -> _Memory:
        registry = export_registry(connection)
        bound = Bound(registry)
        recalled = recall(connection, subjects_of(registry), bound, at, self._bounds)
        behind = {key: (subject, recalled.floor) for key, subject in recalled.judge.touched.items()}
        found = [*recalled.going_on, *_abandoned(connection, recalled)]
        return _Memory(revision, bound, registry.permit, recalled.judge, at, behind, found)

    def _share(self, memory: _Memory) -> int:
        """How many states to write now, so that each is written once in the time set."""
        now = self._clock()
        self._due += len(memory.behind) * (now - self._written_at) / self._every
        self._written_at = now
        count = min(int(self._due), len(memory.behind))
        self._due -= int(self._due)
        return count

    def _write(self, connection: Connection, memory: _Memory, count: int) -> None:
        keys = list(memory.behind)[:count]
        subjects = [memory.behind.pop(key)[0] for key in keys]
        save_states(connection, subjects, memory.judge.states, memory.position, memory.floor())


_RESTART = restart.DETECTOR


def _judge(memory: _Memory, batches: Sequence[Stored]) -> None:
    for stored in batches:
        before = memory.judge.failed.total()
        for block in memory.bound.believed(stored, memory.refused):
            memory.found += memory.judge.feed(block.numbers())
        failed = memory.judge.failed.total() - before
        memory.refused += failed * [("detector_failed", stored.batch.gateway)]
    for key, subject in memory.judge.touched.items():
        memory.behind.setdefault(key, (subject, memory.position))
    memory.position = batches[-1].id


def _abandoned(connection: Connection, recalled: Recalled) -> list[Finding]:
    """The end of what was said by detectors that were made anew and say it no more: nobody else would ever end it."""
    said, rebuilt = {f.id for f in recalled.going_on}, {s.key for s in recalled.rebuilt}
    over = [f for f in going_on(connection) if f.id not in said and said_by(f) in rebuilt and not is_overrun(f)]
    return [msgspec.structs.replace(f, ended=f.detected) for f in over]


def _overrun(connection: Connection, memory: _Memory, lines: Sequence[str]) -> list[Finding]:
    """What goes on after its permit, as far as the alerts do not say it yet."""
    approved = {p.line for p in memory.permits} & set(lines)
    newest = newest_of(memory.judge.states, approved)
    ended = {p.line for p in memory.permits if p.end.timestamp() < newest.get(p.line, 0.0)}
    known = {f.id: f for f in findings_of(connection, ended)}
    said = [(f, known.get(f.id)) for f in overruns(list(known.values()), memory.permits, newest)]
    return [f for f, before in said if before is None or followed(before, f) != before]


def _status(memory: _Memory, subject: Subject) -> dict[str, Any]:
    return status_row(subject.id, memory.judge.states[subject.key])


def status_row(line: str, state: RestartState) -> dict[str, Any]:
    """What the store keeps of a line: its condition at its newest sample, and the time counted.

    Of several points the one that is worst known counts: the smallest time dead, the largest unknown. Points that show
    only water or contacts count where there is no other, and for the time in which they show life.
    """
    every = [p.presence for p in state.points.values()]
    points = list(proving(state)) or every
    newest = max((p.time or 0.0 for p in points), default=0.0)
    live, unknown = max((p.live_s for p in every), default=0.0), max((p.unknown_s for p in points), default=0.0)
    total = max((p.dead_s + p.live_s + p.unknown_s for p in points), default=0.0)
    return {
        "line": line, "condition": condition(state, newest),
        "since": round(1000 * max((p.since or 0.0 for p in points), default=0.0)),
        "sampled_at": round(1000 * newest) if points else None,
        "interval": max((p.interval for p in points), default=0.0),
        "dead_s": max(total - live - unknown, 0.0), "live_s": live, "unknown_s": unknown,
    }  # fmt: skip
