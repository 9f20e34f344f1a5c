"""What the ledger has of a line, and who changed what."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select

from stillcold_server.api.models import ledger as models
from stillcold_server.days import day_of
from stillcold_server.people.scope import EVERYWHERE, Scope
from stillcold_server.registry import deadlines, documents, life, permits
from stillcold_server.registry.history import Change, read_changes
from stillcold_server.registry.sheets import CellError
from stillcold_server.store import schema

_MOST_SHOWN = 500


def line_ledger(connection: Connection, line: str, now: int) -> models.LineLedger | None:
    """Everything that the ledger has of a line; None where there is no such line."""
    n = schema.line.c
    row = connection.execute(select(n.id, n.stage).where(n.id == line)).one_or_none()
    if row is None:
        return None
    day = day_of(now)
    return models.LineLedger(
        id=row.id,
        stage=row.stage,
        next=life.possible(row.stage),
        identifications=[
            models.Identification(
                standard=x.standard, bureau=x.bureau, identified_on=x.identified_on, rectify_by=x.rectify_by,
                extended_to=x.extended_to,
                left=(x.due - day).days if x.due is not None and row.stage == "rectifying" else None,
            )
            for x in life.identifications(connection, line)
        ],
        seals=_seals(connection, line),
        meters=_meters(connection, line),
        permits=list_permits(connection, EVERYWHERE, line),
        documents=_documents(connection, line),
        steps=[_taken(step) for step in life.steps_of(connection, line)],
        deadlines=[d for d in list_deadlines(connection, now, EVERYWHERE) if d.line == line],
    )  # fmt: skip


def list_permits(
    connection: Connection, scope: Scope, line: str | None = None, state: str | None = None
) -> list[models.Permit]:
    """Permits in every state."""
    seen = scope.lines(connection)
    return [
        models.Permit(
            id=p.id, line=p.line, start=p.from_at, end=p.to_at, reason=p.reason, state=p.state, asked_by=p.asked_by,
            asked_at=p.asked_at, decided_by=p.approved_by, decided_at=p.decided_at, note=p.note,
        )
        for p in permits.permits(connection, line, state=state)
        if p.line in seen
    ]  # fmt: skip


def list_deadlines(connection: Connection, now: int, scope: Scope, within: int | None = None) -> list[models.Deadline]:
    """What is to be done by when, the most urgent first."""
    found, seen = deadlines.deadlines(connection, now, within), scope.lines(connection)
    return [
        models.Deadline(kind=d.kind, subject=d.subject, line=d.line, due=d.due, left=d.left)
        for d in found
        if d.line in seen
    ]


def list_reminders(connection: Connection, scope: Scope) -> list[models.Reminder]:
    """Those that nobody has put aside, the newest first."""
    seen = scope.lines(connection)
    return [
        models.Reminder(
            kind=r.kind, subject=r.subject, line=r.line, due_on=r.due_on, days=r.days, raised_at=r.raised_at
        )
        for r in deadlines.reminders(connection)
        if r.line in seen
    ]  # fmt: skip


def sees_document(connection: Connection, scope: Scope, digest: str) -> bool:
    """Whether a document is part of something in these districts; who sees all of them sees all documents."""
    a, s = schema.attachment.c, schema.seal.c
    of_line = select(a.id).where(a.document == digest, a.kind == "line", scope.line(a.subject))
    on_seal = select(s.id).where(s.photo == digest, scope.line(s.line))
    found = (connection.execute(query.limit(1)).first() for query in (of_line, on_seal))
    return scope.districts is None or any(row is not None for row in found)


def history_of(connection: Connection, line: str) -> list[models.Change]:
    """What was changed of a line, its points, meters, seals, standards and permits; the newest first."""
    n, p, m, s, x, q = (
        schema.line.c, schema.point.c, schema.meter.c, schema.seal.c, schema.identification.c, schema.permit.c
    )  # fmt: skip
    subjects = [("line", line)]
    subjects += [("site", i) for i in connection.scalars(select(n.site).where(n.id == line))]
    points = list(connection.scalars(select(p.id).where(p.line == line)))
    subjects += [("point", i) for i in points]
    subjects += [("meter", i) for i in connection.scalars(select(m.id).where(m.point.in_(points)))]
    subjects += [("seal", i) for i in connection.scalars(select(s.id).where(s.line == line))]
    subjects += [("permit", str(i)) for i in connection.scalars(select(q.id).where(q.line == line))]
    standards = connection.scalars(select(x.standard).where(x.line == line))
    subjects += [("identification", f"{line} {standard}") for standard in standards]
    return [change_of(row) for row in read_changes(connection, subjects, _MOST_SHOWN)]


def change_of(row: Row[Any]) -> models.Change:
    """A row of the history."""
    return models.Change(
        at=row.at, actor=row.actor, cause=row.cause, kind=row.kind, subject=row.subject, field=row.field,
        before=_value(row.before), after=_value(row.after),
    )  # fmt: skip


def planned(changes: Iterable[Change], actor: str) -> list[models.Change]:
    """Changes that nobody has made yet, or just now."""
    return [
        models.Change(
            at=None, actor=actor, cause="import", kind=c.kind, subject=c.subject, field=c.field, before=c.before,
            after=c.after,
        )
        for c in changes
    ]  # fmt: skip


def cell_error(error: CellError) -> models.CellError:
    """What is wrong in a file."""
    value = "" if error.value is None else str(error.value)[:200]
    return models.CellError(
        source=error.source, row=error.row, column=error.column, value=value, expected=error.expected
    )


def _value(text: str | None) -> object:
    return None if text is None else json.loads(text)


def _seals(connection: Connection, line: str) -> list[models.Seal]:
    s = schema.seal
    rows = connection.execute(select(s).where(s.c.line == line).order_by(s.c.applied_at, s.c.id))
    return [models.Seal(**row._mapping) for row in rows]


def _meters(connection: Connection, line: str) -> list[models.Meter]:
    m, p = schema.meter, schema.point.c
    query = select(m).join(schema.point, p.id == m.c.point).where(p.line == line).order_by(m.c.id)
    return [models.Meter(**row._mapping) for row in connection.execute(query)]


def _documents(connection: Connection, line: str) -> list[models.Document]:
    rows = documents.attached(connection, "line", [line])
    return [
        models.Document(
            sha256=r.sha256, name=r.name, media_type=r.media_type, size=r.size, role=r.role, attached_by=r.attached_by,
            attached_at=r.attached_at,
        )
        for r in rows
    ]  # fmt: skip


def _taken(row: Row[Any]) -> models.Taken:
    return models.Taken(
        at=row.at, actor=row.actor, step=row.step, before=row.before, after=row.after, note=row.note, facts=row.facts
    )
