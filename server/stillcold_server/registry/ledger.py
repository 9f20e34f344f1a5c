"""The registry in the database: import from and export to ``registry.toml``'s form.

::

    KeyOfAnother (ValueError)      a registry names another key than the one that was approved
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from stillcold_core.registry import District, Enterprise, Gateway, Line, Permit, Point, Registry, Site
from stillcold_server.store import schema
from stillcold_server.store.database import upsert
from stillcold_server.store.marks import read_mark, write_mark

_MARK = "registry"


class KeyOfAnother(ValueError):
    """A registry names another key for a gateway than the one that an officer has approved."""

    def __init__(self, gateway: str) -> None:
        super().__init__(
            f"gateway {gateway}: public_key is not the one that was approved for it; expected none, or that one"
        )


def import_registry(connection: Connection, registry: Registry) -> None:
    """Put every entry of a registry into the database; an entry with an id that is there already replaces it.

    Entries that the registry does not name stay: what has been measured must keep its line. So does the key of a
    gateway where the registry names none.

    Raises
    ------
    KeyOfAnother
        When it names another key for a gateway than the one that was approved.
    """
    keys = _checked_keys(connection, registry)
    upsert(connection, schema.district, [msgspec.structs.asdict(d) for d in registry.district])
    upsert(connection, schema.enterprise, [msgspec.structs.asdict(e) for e in registry.enterprise])
    upsert(connection, schema.site, [msgspec.structs.asdict(s) for s in registry.site])
    upsert(connection, schema.line, [_line(x) for x in registry.line])
    upsert(connection, schema.gateway, [_gateway(g, keys[g.id]) for g in registry.gateway])
    upsert(
        connection,
        schema.point,
        [{"id": p.id, "line": p.line, "role": p.role, "gateway": p.gateway} for p in registry.point],
    )
    known = {(p.line, p.from_at, p.to_at) for p in connection.execute(select(schema.permit))}
    fresh = [p for p in map(_permit, registry.permit) if (p["line"], p["from_at"], p["to_at"]) not in known]
    if fresh:
        connection.execute(schema.permit.insert(), fresh)
    write_mark(connection, _MARK, registry_revision(connection) + 1)


def set_key(connection: Connection, gateway: str, public_key: str) -> None:
    """Believe a gateway's signatures with this key, and with no other."""
    connection.execute(update(schema.gateway).where(schema.gateway.c.id == gateway).values(public_key=public_key))
    write_mark(connection, _MARK, registry_revision(connection) + 1)


def registry_revision(connection: Connection) -> int:
    """How often the ledger was changed: what was made of it is to be made anew when this has gone up."""
    return read_mark(connection, _MARK)


def export_registry(connection: Connection) -> Registry:
    """The whole ledger as a registry."""

    def rows(table: Any, order: Any) -> list[Row[Any]]:
        return list(connection.execute(select(table).order_by(order)))

    return Registry(
        district=tuple(District(**r._mapping) for r in rows(schema.district, schema.district.c.id)),
        enterprise=tuple(Enterprise(**r._mapping) for r in rows(schema.enterprise, schema.enterprise.c.id)),
        site=tuple(Site(**r._mapping) for r in rows(schema.site, schema.site.c.id)),
        line=tuple(_read_line(r) for r in rows(schema.line, schema.line.c.id)),
        gateway=tuple(Gateway(r.id, r.public_key, r.site) for r in rows(schema.gateway, schema.gateway.c.id)),
        point=tuple(Point(r.id, r.line, r.role, r.gateway) for r in rows(schema.point, schema.point.c.id)),
        permit=tuple(_read_permit(r) for r in rows(schema.permit, schema.permit.c.id)),
    )


def permits_of(connection: Connection, line: str) -> list[Permit]:
    """The permits of a line."""
    return [_read_permit(r) for r in connection.execute(select(schema.permit).where(schema.permit.c.line == line))]


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id, "site": line.site, "name": line.name, "state": line.state, "rated_power": line.rated_power,
        "nominal_voltage": line.nominal_voltage, "sealed_at": line.sealed_at and _ms(line.sealed_at),
        "measures": list(line.measures), "dismantle_by": line.dismantle_by and line.dismantle_by.isoformat(),
    }  # fmt: skip


def _gateway(gateway: Gateway, public_key: str) -> dict[str, Any]:
    return {"id": gateway.id, "public_key": public_key, "site": gateway.site}


def _checked_keys(connection: Connection, registry: Registry) -> dict[str, str]:
    """By gateway, the key that it is to have."""
    g, e = schema.gateway.c, schema.enrolment.c
    kept = {row.id: row.public_key for row in connection.execute(select(g.id, g.public_key))}
    approved = set(connection.scalars(select(e.gateway).where(e.state == "approved")))
    for gateway in registry.gateway:
        if gateway.id in approved and gateway.public_key not in ("", kept[gateway.id]):
            raise KeyOfAnother(gateway.id)
    return {gateway.id: gateway.public_key or kept.get(gateway.id, "") for gateway in registry.gateway}


def _permit(permit: Permit) -> dict[str, Any]:
    return {
        "line": permit.line, "from_at": _ms(permit.start), "to_at": _ms(permit.end), "reason": permit.reason,
        "approved_by": permit.approved_by,
    }  # fmt: skip


def _read_line(row: Row[Any]) -> Line:
    return Line(
        row.id,
        row.site,
        row.name,
        row.state,
        row.rated_power,
        row.nominal_voltage,
        None if row.sealed_at is None else _moment(row.sealed_at),
        tuple(row.measures),
        None if row.dismantle_by is None else date.fromisoformat(row.dismantle_by),
    )


def _read_permit(row: Row[Any]) -> Permit:
    return Permit(row.line, _moment(row.from_at), _moment(row.to_at), row.reason, row.approved_by)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
