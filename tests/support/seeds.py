"""Rows for every table of a database, whatever its version: made of what the database itself says of its columns."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import JSON, Column, Connection, MetaData, Table, select, types

ROWS = 2
_KNOWN: Mapping[tuple[str, str], object] = {
    ("user_account", "role"): "admin",
    ("line_status", "state"): msgspec.msgpack.encode({"version": 1, "points": {}}),
}
"""What must have a form that a migration can read."""
Content = dict[str, list[dict[str, object]]]


def tables_of(connection: Connection) -> list[Table]:
    """Every table but Alembic's, parents first."""
    found = MetaData()
    found.reflect(connection)
    return [t for t in found.sorted_tables if t.name != "alembic_version"]


def seed(connection: Connection, tables: Sequence[Table] | None = None) -> None:
    """Put rows into every table that has none."""
    for table in tables_of(connection) if tables is None else tables:
        if not connection.execute(select(table).limit(1)).all():
            for number in range(1, ROWS + 1):
                connection.execute(table.insert(), {c.name: _value(connection, c, number) for c in table.columns})


def content(connection: Connection, tables: Sequence[Table] | None = None) -> Content:
    """All rows of all tables."""
    found: Content = {}
    for table in tables_of(connection) if tables is None else tables:
        rows = connection.execute(select(table).order_by(*table.primary_key.columns))
        found[table.name] = [dict(row._mapping) for row in rows]
    return found


def _value(connection: Connection, column: Column[Any], number: int) -> object:
    if column.foreign_keys:
        (key,) = column.foreign_keys
        parents = connection.scalars(select(key.column).order_by(key.column)).all()
        return parents[(number - 1) % len(parents)]
    if (known := _KNOWN.get((column.table.name, column.name))) is not None:
        return known
    match column.type:
        case types.Boolean():
            return False
        case types.Integer():
            return number
        case types.Date():
            return date(2027, 1, number)
        case types.Float() | types.Numeric():
            return number + 0.5
        case types.Date():
            return date(2026, 1, number)
        case types.LargeBinary():
            return bytes([number]) * 32
        case JSON():
            return {"number": number}
    return f"{column.name} {number}"
