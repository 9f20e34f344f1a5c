"""What an account that is limited to districts sees: the one place that says which rows are whose."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, String, cast, select, true

from stillcold_server.store import schema

KINDS = (
    "districts",
    "enterprises",
    "sites",
    "lines",
    "points",
    "gateways",
    "alerts",
    "incidents",
    "seals",
    "permits",
    "statements",
    "verifications",
)
"""Things that belong to a district, by the words of their paths."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Some districts, or all.

    Attributes
    ----------
    districts : tuple of str or None
        Their ids; None for everything. A site without a district is seen by those alone who see everything.
    """

    districts: tuple[str, ...] | None = None

    def district(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Condition that a column names a district of these."""
        return true() if self.districts is None else column.in_(self.districts)

    def site(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Condition that a column names a site there."""
        s = schema.site.c
        return true() if self.districts is None else column.in_(select(s.id).where(self.district(s.district)))

    def enterprise(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Condition that a column names an enterprise with a site there."""
        s = schema.site.c
        return true() if self.districts is None else column.in_(select(s.enterprise).where(self.district(s.district)))

    def line(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Condition that a column names a line there."""
        n = schema.line.c
        return true() if self.districts is None else column.in_(select(n.id).where(self.site(n.site)))

    def gateway(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Condition that a column names a gateway there."""
        g = schema.gateway.c
        return true() if self.districts is None else column.in_(select(g.id).where(self.site(g.site)))

    def alert(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Condition that a column names an alert there."""
        a = schema.alert.c
        return true() if self.districts is None else column.in_(select(a.id).where(self.site(a.site)))

    def lines(self, connection: Connection) -> frozenset[str]:
        """Ids of every line there."""
        n = schema.line.c
        return frozenset(connection.execute(select(n.id).where(self.site(n.site))).scalars())

    def covers(self, connection: Connection, kind: str, key: str) -> bool:
        """Whether a thing, of one of :data:`KINDS`, is there and in these districts."""
        table, name, condition = self._place(kind)
        query = select(name).select_from(table).where(cast(name, String) == key, condition).limit(1)
        return connection.execute(query).first() is not None

    def _place(self, kind: str) -> tuple[FromClause, ColumnElement[Any], ColumnElement[bool]]:
        d, e, s, n = schema.district, schema.enterprise, schema.site, schema.line
        p, g, a, i = schema.point, schema.gateway, schema.alert, schema.incident
        seal, permit, said, checked = schema.seal, schema.permit, schema.statement, schema.verification
        places: dict[str, tuple[FromClause, ColumnElement[Any], ColumnElement[bool]]] = {
            "districts": (d, d.c.id, self.district(d.c.id)),
            "enterprises": (e, e.c.id, self.enterprise(e.c.id)),
            "sites": (s, s.c.id, self.district(s.c.district)),
            "lines": (n, n.c.id, self.site(n.c.site)),
            "points": (p, p.c.id, self.line(p.c.line)),
            "gateways": (g, g.c.id, self.site(g.c.site)),
            "alerts": (a, a.c.id, self.site(a.c.site)),
            "incidents": (i, i.c.id, self.line(i.c.line)),
            "seals": (seal, seal.c.id, self.line(seal.c.line)),
            "permits": (permit, permit.c.id, self.line(permit.c.line)),
            "statements": (said, said.c.id, self.line(said.c.line)),
            "verifications": (checked, checked.c.id, self.line(checked.c.line)),
        }
        return places[kind]


EVERYWHERE = Scope()
