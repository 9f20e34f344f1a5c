"""Names for what a page else knows by its id only."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from stillcold_server.people.scope import Scope
from stillcold_server.store import schema


def line_names(connection: Connection, scope: Scope) -> dict[str, str]:
    """Site and line by the line's id, in the order of the names."""
    n, s = schema.line.c, schema.site.c
    query = select(n.id, s.name.label("site"), n.name).join(schema.site, s.id == n.site).where(scope.line(n.id))
    return {row.id: f"{row.site} · {row.name}" for row in connection.execute(query.order_by(s.name, n.name, n.id))}


def lines_of_alerts(connection: Connection, alerts: Collection[str]) -> dict[str, str]:
    """Lines by the id of the alert that is about them."""
    a = schema.alert.c
    found = connection.execute(select(a.id, a.line).where(a.id.in_(alerts)))
    return {row.id: row.line for row in found}
