"""Where what is said of a gateway or a site stands: an alert needs a line and a point."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from stillcold_server.store.schema import line, point


class Place(NamedTuple):
    """A point with its line and site."""

    site: str
    line: str
    point: str


def places_of_gateways(connection: Connection) -> Mapping[str, Place]:
    """By gateway, the first sealed line that it speaks for, or the first line where none is sealed."""
    found: dict[str, Place] = {}
    for row in connection.execute(_POINTS.where(point.c.gateway.is_not(None))):
        found.setdefault(row.gateway, Place(row.site, row.line, row.point))
    return found


def places_of_sites(connection: Connection) -> Mapping[str, Place]:
    """By site, its first sealed line, or its first line where none is sealed."""
    found: dict[str, Place] = {}
    for row in connection.execute(_POINTS):
        found.setdefault(row.site, Place(row.site, row.line, row.point))
    return found


_POINTS = (
    select(line.c.site, point.c.line, point.c.id.label("point"), point.c.gateway)
    .join_from(point, line, point.c.line == line.c.id)
    .order_by(line.c.state != "sealed", line.c.id, point.c.id)
)
