"""This machine's clock, and the one that all servers of one database share."""

import time

from sqlalchemy import Connection, text

_POSTGRESQL = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")


def wall_clock() -> int:
    """ms UTC."""
    return time.time_ns() // 1_000_000


def database_clock(connection: Connection) -> int:
    """ms UTC of the database server, by which leases end; with SQLite it is this machine's."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(_POSTGRESQL).scalar_one())
    return wall_clock()
