"""Alerts, what happened to them, and how many wait for somebody."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from stillcold_server.alerts.lifecycle import OPEN, WAITING, UnknownAlert
from stillcold_server.alerts.stages import FLAG_OF, SEVERITIES
from stillcold_server.api.models.alerts import Alert, AlertDetail, Delivery, JournalEntry
from stillcold_server.people.scope import Scope
from stillcold_server.store import schema


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts; every field that is None asks for nothing.

    Attributes
    ----------
    open : bool
        Only those that are not yet back to normal, or only those that are.
    state, severity, line, site, incident : str
    kind : str
        A kind, or the first word of several.
    flag : str
        One of the flags, or ``none`` for what is shown.
    start, end : int
        ms; detected from ``start`` on and before ``end``.
    after : str
        Id of the alert that they come after in the list.
    """

    open: bool | None = None
    state: str | None = None
    severity: str | None = None
    kind: str | None = None
    line: str | None = None
    site: str | None = None
    incident: str | None = None
    flag: str | None = None
    start: int | None = None
    end: int | None = None
    after: str | None = None


def list_alerts(connection: Connection, scope: Scope, wanted: Wanted, limit: int) -> list[Alert]:
    """The newest alerts first, at most ``limit``.

    Raises
    ------
    UnknownAlert
        When there is none that they could come after.
    """
    a = schema.alert.c
    query = _named().where(scope.site(a.site)).order_by(a.detected.desc(), a.id).limit(limit)
    for name in ("state", "severity", "line", "site", "incident"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(a[name] == value)
    for condition in _conditions(connection, scope, wanted):
        query = query.where(condition)
    return [Alert(**_fields(row)) for row in connection.execute(query)]


def _conditions(connection: Connection, scope: Scope, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    a = schema.alert.c
    if wanted.open is not None:
        yield a.state.in_(OPEN) if wanted.open else a.state.not_in(OPEN)
    if wanted.kind is not None:
        yield or_(a.kind == wanted.kind, a.kind.startswith(f"{wanted.kind}.", autoescape=True))
    if wanted.flag is not None:
        yield a.stage.in_([stage for stage, flag in FLAG_OF.items() if flag == wanted.flag] or [""])
    if wanted.start is not None:
        yield a.detected >= wanted.start
    if wanted.end is not None:
        yield a.detected < wanted.end
    if wanted.after is not None:
        at = connection.scalar(select(a.detected).where(a.id == wanted.after, scope.site(a.site)))
        if at is None:
            raise UnknownAlert(wanted.after)
        yield or_(a.detected < at, and_(a.detected == at, a.id > wanted.after))


def load_alert(connection: Connection, alert_id: str) -> AlertDetail | None:
    """One alert with its journal and its deliveries."""
    row = connection.execute(_named().where(schema.alert.c.id == alert_id)).one_or_none()
    if row is None:
        return None
    j, d = schema.alert_journal.c, schema.delivery.c
    journal = connection.execute(
        select(j.at, j.actor, j.transition, j.reason, j.note).where(j.alert == alert_id).order_by(j.id)
    )
    deliveries = connection.execute(
        select(
            d.page, d.recipient, d.channel, d.state, d.attempts, d.created_at, d.due_at, d.delivered_at, d.doubtful,
            d.detail,
        )
        .where(d.alert == alert_id)
        .order_by(d.page, d.recipient, d.channel)
    )  # fmt: skip
    return AlertDetail(
        **_fields(row),
        journal=[JournalEntry(**r._mapping) for r in journal],
        deliveries=[Delivery(**r._mapping) for r in deliveries],
    )


def waiting_incidents(connection: Connection, scope: Scope) -> dict[str, int]:
    """Incidents that are shown and that nobody has taken up, by the highest severity among their waiting alerts."""
    a = schema.alert.c
    shown = a.state.in_(WAITING) & (a.stage == "") & scope.site(a.site)
    rows = connection.execute(select(a.incident, a.severity).where(shown).distinct())
    highest: dict[str, int] = {}
    for incident, severity in rows:
        rank = SEVERITIES.index(severity)
        highest[incident] = min(rank, highest.get(incident, rank))
    return {name: sum(r == rank for r in highest.values()) for rank, name in enumerate(SEVERITIES)}


def waiting_alerts(connection: Connection) -> dict[str, int]:
    """Alerts that are shown and that nobody has taken up, by severity."""
    a = schema.alert.c
    shown = a.state.in_(WAITING) & (a.stage == "")
    rows = connection.execute(select(a.severity, func.count()).where(shown).group_by(a.severity))
    return {**dict.fromkeys(SEVERITIES, 0), **{row[0]: row[1] for row in rows}}


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {**row._mapping, "flag": FLAG_OF.get(row.stage)}


def _named() -> Select[Any]:
    a, s, n = schema.alert, schema.site, schema.line
    return (
        select(a, s.c.name.label("site_name"), s.c.address.label("site_address"), n.c.name.label("line_name"))
        .join(s, s.c.id == a.c.site)
        .join(n, n.c.id == a.c.line)
    )
