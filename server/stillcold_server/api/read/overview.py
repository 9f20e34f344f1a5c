"""The ledger's lines by district, enterprise and site."""

from typing import Any

from sqlalchemy import Connection, Row, select

from stillcold_server.people.scope import Scope
from stillcold_server.store import schema


def line_rows(
    connection: Connection, scope: Scope, *, enterprise: str | None = None, district: str | None = None
) -> list[Row[Any]]:
    """Each line with the names of what it belongs to, in the order of those."""
    n, s, e, d = schema.line.c, schema.site.c, schema.enterprise.c, schema.district.c
    query = (
        select(
            n.id, n.name, n.stage, n.state, n.sealed_at, n.dismantle_by, s.id.label("site"), s.name.label("site_name"),
            s.address, e.id.label("enterprise"), e.name.label("enterprise_name"), d.id.label("district"),
            d.name.label("district_name"),
        )
        .join(schema.site, s.id == n.site)
        .outerjoin(schema.enterprise, e.id == s.enterprise)
        .outerjoin(schema.district, d.id == s.district)
        .where(scope.line(n.id))
        .order_by(d.name, d.id, e.name, e.id, s.name, s.id, n.id)
    )  # fmt: skip
    if enterprise is not None:
        query = query.where(s.enterprise == enterprise)
    if district is not None:
        query = query.where(s.district == district)
    return list(connection.execute(query))
