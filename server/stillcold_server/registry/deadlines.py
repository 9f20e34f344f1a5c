"""What the ledger is waiting for: terms to rectify, dismantling, certificates of calibration; and the reminders."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, select, update

from stillcold_server.days import day_of
from stillcold_server.jobs.model import JobContext
from stillcold_server.people.scope import Scope
from stillcold_server.store import schema
from stillcold_server.store.database import write

REMIND = (30, 14, 7, 1, 0)
"""Days before a deadline on which somebody is reminded; 0 is the first day on which it is over."""


DeadlineKind = Literal["rectification", "dismantling", "calibration"]
_TO_DISMANTLE = ("ordered", "verified", "sealed", "restarted", "case")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A day by which something must be done.

    Attributes
    ----------
    kind : str
        ``rectification``, ``dismantling`` or ``calibration``.
    subject : str
        Line and standard, the line, the meter.
    line : str
        Of which line.
    due : date
        The last day.
    left : int
        Days until then; negative when it is over.
    """

    kind: DeadlineKind
    subject: str
    line: str
    due: date
    left: int


def deadlines(connection: Connection, now: int, within: int | None = None) -> list[Deadline]:
    """What is open, the most urgent first; ``within`` leaves out what is later than so many days."""
    day = day_of(now)
    found = [
        Deadline(kind, subject, line, due, (due - day).days)
        for kind, subject, line, due in _open(connection, day, within)
    ]
    return sorted(found, key=lambda d: (d.due, d.line, d.kind, d.subject))


def remind_job(context: JobContext, _due: int) -> str:
    """The job ``reminders``."""
    with write(context.engine) as connection:
        return f"{remind(connection, context.now())} new reminders"


def remind(connection: Connection, now: int) -> int:
    """Write down each reminder whose day has come, once; the nearest stands for those that were missed. How many."""
    fresh = [row for d in deadlines(connection, now, max(REMIND)) if (row := _due_reminder(connection, d, now))]
    if fresh:
        connection.execute(schema.reminder.insert(), fresh)
    return len(fresh)


def reminders(connection: Connection) -> list[Row[Any]]:
    """Those that nobody has seen, the newest first."""
    r = schema.reminder
    return list(connection.execute(select(r).where(r.c.seen_at.is_(None)).order_by(r.c.raised_at.desc(), r.c.due_on)))


def mark_seen(connection: Connection, by: str, now: int, scope: Scope) -> int:
    """Put all reminders of some districts aside; how many that were."""
    r = schema.reminder
    there = r.c.seen_at.is_(None) & scope.line(r.c.line)
    return connection.execute(update(r).where(there).values(seen_at=now, seen_by=by)).rowcount


def _due_reminder(connection: Connection, deadline: Deadline, now: int) -> dict[str, Any] | None:
    r = schema.reminder.c
    days = 0 if deadline.left < 0 else min(step for step in REMIND if step >= max(deadline.left, 1))
    same = (r.kind == deadline.kind) & (r.subject == deadline.subject) & (r.due_on == deadline.due.isoformat())
    if connection.scalar(select(r.kind).where(same, r.days <= days).limit(1)) is not None:
        return None
    return {
        "kind": deadline.kind, "subject": deadline.subject, "due_on": deadline.due.isoformat(), "days": days,
        "line": deadline.line, "raised_at": now, "seen_at": None, "seen_by": "",
    }  # fmt: skip


def _open(connection: Connection, day: date, within: int | None) -> Iterator[tuple[DeadlineKind, str, str, date]]:
    last = "9999" if within is None else (day + timedelta(days=within)).isoformat()
    n, x, m, p = schema.line.c, schema.identification.c, schema.meter.c, schema.point.c
    terms = select(x.standard, x.line, x.rectify_by, x.extended_to).join(schema.line, n.id == x.line)
    for term in connection.execute(terms.where(n.stage == "rectifying", x.rectify_by.is_not(None))):
        if (due := term.extended_to or term.rectify_by) <= last:
            yield "rectification", f"{term.line} {term.standard}", term.line, date.fromisoformat(due)
    lines = select(n.id, n.dismantle_by).where(n.stage.in_(_TO_DISMANTLE), n.dismantle_by <= last)
    for place in connection.execute(lines):
        yield "dismantling", place.id, place.id, date.fromisoformat(place.dismantle_by)
    meters = select(m.id, p.line, m.expires).join(schema.point, p.id == m.point).join(schema.line, n.id == p.line)
    watched = n.stage.is_(None) | n.stage.not_in(("dismantled", "withdrawn"))
    for meter in connection.execute(meters.where(watched, m.expires <= last)):
        yield "calibration", meter.id, meter.line, date.fromisoformat(meter.expires)
