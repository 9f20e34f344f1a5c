"""Restarts that a gateway tells ahead of its backlog.

The samples of a point are judged in their order, so what is live waits behind what a gateway has still to send. A batch
that a restart may be decided by comes twice then: at once, judged here for restarts alone, and later in its place,
where it is stored and judged for good. What is found here has the id that it will have there. What is not found again
there, because the restart had begun earlier than was known here, ends when its place has passed.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select

from stillcold_core.detect import restart
from stillcold_core.detect.detector import Scope
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.restart import RestartState
from stillcold_core.registry import Registry
from stillcold_core.samples import Samples
from stillcold_server.alerts.lifecycle import findings_of
from stillcold_server.detection.bound import Bound
from stillcold_server.detection.subjects import Key, Subject, Subjects, subjects_of
from stillcold_server.followers import Stored
from stillcold_server.ingest.keys import Keys
from stillcold_server.ingest.verify import Refused, Verified, verify
from stillcold_server.registry.ledger import export_registry, registry_revision
from stillcold_server.store import schema
from stillcold_server.store.database import upsert
from stillcold_server.store.refusals import STRANGER, count_refusals

log = logging.getLogger(__name__)
_RESTART = restart.DETECTOR
_SCOPES: tuple[Scope, ...] = (_RESTART.scope,)


class Ahead:
    """Judges batches that came ahead of their place.

    Parameters
    ----------
    on_finding : callable
        Called with the transaction and each restart that was found.
    """

    def __init__(self, on_finding: Callable[[Connection, Finding], None]) -> None:
        self._on_finding = on_finding
        self._revision, self._bound = -1, Bound(Registry())
        self._subjects: Subjects = {}
        self._states: dict[Key, RestartState] = {}
        self._since: dict[Key, float] = {}  # first sample that was judged ahead in this run

    def take(self, connection: Connection, gateway: str, message: bytes, now: int) -> None:
        """Judge one message; ``now`` in ms. What is wrong with it is counted, what is stored already is left alone."""
        keys = Keys(connection, gateway)
        checked = verify(message, gateway, keys.of)
        if isinstance(checked, Refused):
            count_refusals(connection, [(checked.reason, gateway if gateway in keys else STRANGER)], now)
        elif not _is_stored(connection, checked):
            self._judge(connection, checked, now)

    def _judge(self, connection: Connection, verified: Verified, now: int) -> None:
        if self._revision != (revision := registry_revision(connection)):
            registry = export_registry(connection)
            self._revision, self._bound = revision, Bound(registry)
            self._subjects = subjects_of(registry, scopes=_SCOPES)
        for block in self._bound.believed(Stored(0, now, verified.batch)):
            for subject in self._subjects.get(block.point, ()):
                self._tell(connection, self._found(connection, subject, block.numbers()))

    def _tell(self, connection: Connection, findings: Sequence[Finding]) -> None:
        noted = set[str]()
        for finding in findings:  # what something else comes to speak for is said again
            log.warning("%s on %s, ahead of its gateway's backlog: %s", finding.kind, finding.line, finding.reason)
            self._on_finding(connection, finding)
            if finding.id not in noted:
                noted.add(finding.id)
                _note(connection, finding)

    def _found(self, connection: Connection, subject: Subject, samples: Samples) -> list[Finding]:
        """Restarts that began in what was judged ahead: what began before is found in its order."""
        if not len(samples):
            return []
        state = self._state(connection, subject, samples.point)
        since = self._since.setdefault(subject.key, float(samples.times[0]))
        self._states[subject.key], findings = _RESTART.advance(subject.watched, state, samples)
        new = [f for f in findings if f.began >= since and f.ended is None]
        told = _told(connection, subject.id) if new else set()
        return [f for f in new if f.kind not in told] if subject.told else []

    def _state(self, connection: Connection, subject: Subject, point: str) -> RestartState:
        """What is known of a line: of what was judged in order and what was judged here, whichever is newer."""
        table = schema.detector_state.c
        query = select(table.state).where(table.detector == _RESTART.name, table.subject == subject.id)
        row = connection.scalar(query)
        try:
            ordered: RestartState = _RESTART.begin() if row is None else _RESTART.restore(row)
        except ValueError:  # of another version: it is made anew in order
            ordered = _RESTART.begin()
        here = self._states.get(subject.key)
        if here is not None and _judged_until(here, point) > _judged_until(ordered, point):
            return here
        self._since.pop(subject.key, None)
        return ordered


def settle_ahead(
    connection: Connection, states: Mapping[Key, Any], lines: Collection[str], found: Collection[str]
) -> Iterator[Finding]:
    """The end of what was found ahead and was not found again where its place has passed.

    Parameters
    ----------
    lines : collection of str
        Whose samples were judged in order just now.
    found : collection of str
        Ids of what was found there.
    """
    table = schema.ahead
    for row in connection.execute(select(table).where(table.c.line.in_(lines))).all():
        passed = _judged_until(states[_RESTART.name, row.line], row.point) * 1000 >= row.detected
        if row.alert in found or passed:
            connection.execute(delete(table).where(table.c.alert == row.alert))
        if passed and row.alert not in found:
            said = {f.id: f for f in findings_of(connection, [row.line])}[row.alert]
            yield msgspec.structs.replace(said, ended=said.detected)


def _told(connection: Connection, line: str) -> set[str]:
    """The kinds of alerts that stand for the line: what a copy knows of such a restart's beginning adds nothing."""
    t = schema.alert.c
    return set(connection.scalars(select(t.kind).where(t.line == line, t.ended.is_(None))))


def _is_stored(connection: Connection, verified: Verified) -> bool:
    b, t = verified.batch, schema.batch.c
    here = select(t.id).where(t.gateway == b.gateway, t.epoch == b.epoch, t.sequence == b.sequence)
    return connection.scalar(here) is not None


def _note(connection: Connection, finding: Finding) -> None:
    row = {
        "alert": finding.id, "line": finding.line, "point": finding.point, "detected": round(finding.detected * 1000),
    }  # fmt: skip
    upsert(connection, schema.ahead, [row])  # another server on the same database may have judged it too


def _judged_until(state: RestartState, point: str) -> float:
    known = state.points.get(point)
    return -1.0 if known is None or known.presence.time is None else known.presence.time
