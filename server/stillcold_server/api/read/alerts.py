"""Alerts, what happened to them, and how many wait for somebody."""

from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from stillcold_server.alerts.lifecycle import OPEN, WAITING
from stillcold_server.alerts.stages import FLAG_OF, SEVERITIES
from stillcold_server.api.models.alerts import Alert, AlertDetail, Delivery, JournalEntry
from stillcold_server.people.scope import Scope
from stillcold_server.store import schema


def list_alerts(
    connection: Connection,
    scope: Scope,
    *,
    open: bool | None = None,  # noqa: A002  # the name in the query
    line: str | None = None,
    kind: str | None = None,
    incident: str | None = None,
    limit: int = 100,
) -> list[Alert]:
    """The newest alerts first.

    Parameters
    ----------
    open : bool, optional
        Only those that are not yet back to normal, or only those that are.
    line, kind, incident : str, optional
        Only those of a line, a kind, an incident.
    limit : int
        Most alerts in the answer.
    """
    a = schema.alert.c
    query = _named().where(scope.site(a.site)).order_by(a.detected.desc(), a.id).limit(limit)
    if open is not None:
        query = query.where(a.state.in_(OPEN) if open else a.state.not_in(OPEN))
    for column, wanted in ((a.line, line), (a.kind, kind), (a.incident, incident)):
        if wanted is not None:
            query = query.where(column == wanted)
    return [Alert(**_fields(row)) for row in connection.execute(query)]


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
