"""The alarm bar that stands on every page: what waits, the gravest first."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, case, func, select

from stillcold_server.alerts.lifecycle import WAITING
from stillcold_server.alerts.stages import SEVERITIES
from stillcold_server.api.read.alerts import waiting_incidents
from stillcold_server.people.scope import Scope
from stillcold_server.store import schema


@dataclass(frozen=True, slots=True)
class Bar:
    """What waits for somebody.

    Attributes
    ----------
    counts : dict of str to int
        Incidents by severity.
    first : row, optional
        ``id``, ``kind``, ``began``, ``site_name``, ``line_name`` of the newest of the gravest.
    newest : int
        ms since which the newest is shown.
    """

    counts: dict[str, int]
    first: Row[*tuple[Any, ...]] | None
    newest: int

    @property
    def total(self) -> int:
        """Incidents that wait."""
        return sum(self.counts.values())

    @property
    def worst(self) -> str:
        """The highest severity that waits; empty where nothing does."""
        return next((s for s in SEVERITIES if self.counts[s]), "")


def load_bar(connection: Connection, scope: Scope) -> Bar:
    """The bar as it is now."""
    a, s, n = schema.alert.c, schema.site.c, schema.line.c
    rank = case({severity: i for i, severity in enumerate(SEVERITIES)}, value=a.severity)
    waits = a.state.in_(WAITING) & (a.stage == "") & scope.site(a.site)
    first = connection.execute(
        select(a.id, a.kind, a.began, s.name.label("site_name"), n.name.label("line_name"))
        .join(schema.site, s.id == a.site)
        .join(schema.line, n.id == a.line)
        .where(waits)
        .order_by(rank, a.detected.desc(), a.id != a.incident, a.id)  # of one moment, what opened the incident
        .limit(1)
    ).one_or_none()
    newest = connection.scalar(select(func.max(a.announced_at)).where(waits))
    return Bar(waiting_incidents(connection, scope), first, newest or 0)
