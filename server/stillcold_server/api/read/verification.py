"""Observations and statements as the API shows them."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from stillcold_core.proof import sealing
from stillcold_server.api.models.verification import Condition, Day, Observation, ObservationProgress, Statement
from stillcold_server.verification import statements
from stillcold_server.verification.calendar import cells_of
from stillcold_server.verification.procedure import Observation as Started
from stillcold_server.verification.procedure import Progress
from stillcold_server.verification.statements import superseded_by
from stillcold_server.verification.subject import find_watched


def shown(observation: Started) -> Observation:
    """An observation."""
    o = observation
    return Observation(
        id=o.id, line=o.line, begin=o.begin, end=o.end, behind_cut=list(o.behind_cut), started_by=o.started_by,
        state=o.state, closed_at=o.closed_at, closed_by=o.closed_by, statement=o.statement,
    )  # fmt: skip


def shown_progress(found: Progress) -> ObservationProgress:
    """How it stands."""
    return ObservationProgress(
        observation=shown(found.observation),
        until=found.until,
        waiting=list(found.waiting),
        ready=found.ready,
        conditions=[_condition(c) for c in found.conditions],
    )


def shown_statement(connection: Connection, found: statements.Statement) -> Statement:
    """A statement, with what it says."""
    f = found
    return Statement.model_validate(
        {
            "id": f.id, "kind": f.kind, "line": f.line, "begin": f.begin, "end": f.end, "version": f.version,
            "result": f.result, "made_at": f.made_at, "digest": f.digest,
            "superseded_by": superseded_by(connection, f), "content": f.content,
        }
    )  # fmt: skip


def list_days(connection: Connection, line: str, month: date, now: int) -> Sequence[Day] | None:
    """The days of a month of a line; None where there is no such line."""
    watched = find_watched(connection, line)
    if watched is None:
        return None
    return [
        Day(
            day=c.day.isoformat(), dead=c.dead, live=c.live, unknown=c.unknown, coverage=c.coverage,
            statement=c.statement,
        )
        for c in sorted(cells_of(connection, watched, month, now).values(), key=lambda c: c.day)
    ]  # fmt: skip


def _condition(c: sealing.Condition) -> Condition:
    missing: dict[str, float] = {}
    for m in c.missing:
        missing[m.cause] = missing.get(m.cause, 0.0) + m.seconds
    said = Condition(condition=c.name, result=c.result, why=c.why, missing=missing)
    if c.worst is None:
        return said
    seen, of = c.worst, c.worst.worst
    return said.model_copy(
        update={
            "limit": seen.limit, "unit": seen.unit, "point": of.point, "quantity": of.quantity, "value": of.value,
            "time": of.time,
        }
    )  # fmt: skip
