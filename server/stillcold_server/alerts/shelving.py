"""Putting an alarm aside, and taking a line or a point out of service: both for a time, with a reason, by somebody.

Both raise :class:`~stillcold_server.alerts.lifecycle.NotAllowed` with a stable word where they cannot be done. They end
by themselves at their time: the review of :mod:`stillcold_server.alerts.pipeline` then shows what still stands.
"""

from typing import Any

from sqlalchemy import Connection, Row, Table, select, update

from stillcold_server.alerts.lifecycle import WAITING, NotAllowed, find, latches
from stillcold_server.alerts.pipeline import Page, apply, hidden, review
from stillcold_server.days import DAY
from stillcold_server.store.schema import out_of_service, shelf

SHELVE_MS = DAY
"""The longest that an alarm may be shelved: a day. ISA-18.2 asks for a limit; whoever shelves hands over within it."""
SERVICE_MS = 31 * DAY
"""The longest that something may be out of service, as long as a permit for work (:mod:`stillcold_core.registry`)."""


class UnknownEntry(Exception):
    """There is no such entry."""


def shelve(connection: Connection, alert_id: str, *, actor: str, reason: str, until: int, now: int, page: Page) -> None:
    """Put the alarm of an alert aside: its kind at its point.

    A restart or a furnace can be shelved once somebody has taken it up, and stays shelved alone: a new restart of the
    line pages as ever.

    Parameters
    ----------
    until, now : int
        ms; at most :data:`SHELVE_MS` apart.

    Raises
    ------
    UnknownAlert
    NotAllowed
        ``closed``, ``hidden`` (it is held back already), ``not_acknowledged``, ``too_long``, ``past``.
    """
    row = find(connection, alert_id)
    if row.state == "normal":
        raise NotAllowed("closed", row.state)
    if row.stage:
        raise NotAllowed("hidden", row.state)
    if latches(row.kind) and row.state in WAITING:
        raise NotAllowed("not_acknowledged", row.state)
    _check_time(until, now, SHELVE_MS, row.state)
    entry = {"line": row.line, "point": row.point, "kind": row.kind}
    entry |= {"reason": reason, "actor": actor, "from_at": now, "until": until}
    connection.execute(shelf.insert(), entry)
    apply(connection, now, page, line=row.line, actor=actor, note=reason)


def unshelve(connection: Connection, alert_id: str, *, actor: str, note: str, now: int, page: Page) -> None:
    """Take the alarm of an alert off the shelf before its time.

    Raises
    ------
    UnknownAlert
    NotAllowed
        ``not_shelved``.
    """
    row = find(connection, alert_id)
    t = shelf.c
    here = (t.line == row.line) & (t.point == row.point) & (t.kind == row.kind) & t.ended_at.is_(None) & (t.until > now)
    if row.stage != "shelve" or not _end(connection, shelf, here, actor, now):
        raise NotAllowed("not_shelved", row.state)
    review(connection, hidden(connection, row.line), now, page, actor=actor, note=note)


def take_out(
    connection: Connection, line: str, point: str | None, *, actor: str, reason: str, until: int, now: int, page: Page
) -> None:
    """Take a line, or one of its points, out of service. Restarts are told as ever.

    Parameters
    ----------
    until, now : int
        ms; at most :data:`SERVICE_MS` apart.

    Raises
    ------
    NotAllowed
        ``too_long``, ``past``.
    """
    _check_time(until, now, SERVICE_MS, "in service")
    entry = {"line": line, "point": point, "reason": reason, "actor": actor, "from_at": now, "until": until}
    connection.execute(out_of_service.insert(), entry)
    apply(connection, now, page, line=line, actor=actor, note=reason)


def put_back(connection: Connection, number: int, *, actor: str, note: str, now: int, page: Page) -> None:
    """Put back into service before its time what an entry has taken out.

    Raises
    ------
    UnknownEntry
    NotAllowed
        ``in_service``: it is over already.
    """
    t = out_of_service.c
    row: Row[Any] | None = connection.execute(select(out_of_service).where(t.id == number)).one_or_none()
    if row is None:
        raise UnknownEntry(number)
    if not _end(connection, out_of_service, (t.id == number) & t.ended_at.is_(None) & (t.until > now), actor, now):
        raise NotAllowed("in_service", "in service")
    review(connection, hidden(connection, row.line), now, page, actor=actor, note=note)


def _end(connection: Connection, table: Table, which: Any, actor: str, now: int) -> bool:
    return connection.execute(update(table).where(which).values(ended_at=now, ended_by=actor)).rowcount > 0


def _check_time(until: int, now: int, most: int, state: str) -> None:
    if until <= now:
        raise NotAllowed("past", state)
    if until - now > most:
        raise NotAllowed("too_long", state)
