"""Numbers under a name that only go up: how often something changed, how far something has come."""

from sqlalchemy import Connection, select

from stillcold_server.store.database import upsert
from stillcold_server.store.schema import mark


def read_mark(connection: Connection, name: str) -> int:
    """The number under a name; 0 before the first."""
    return connection.scalar(select(mark.c.number).where(mark.c.name == name)) or 0


def write_mark(connection: Connection, name: str, number: int) -> None:
    """Put a number under a name."""
    upsert(connection, mark, [{"name": name, "number": number}])
