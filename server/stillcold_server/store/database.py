"""Opening the database, and the two ways to use it: :func:`read` and :func:`write`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000")


def open_database(url: str) -> Engine:
    """An engine for a database URL.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql+psycopg://…``. SQLite is opened with a write-ahead log and
        ``synchronous=FULL``: a commit that has returned survives a power cut.
    """
    engine = create_engine(url, json_serializer=_dumps)
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; it commits at the end.

    In SQLite it takes the write lock at once: a transaction that reads first and writes later fails when another one
    has written in between.
    """
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, from one consistent state."""
    with engine.connect() as connection, connection.begin():
        yield connection


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or overwrite those that have the same primary key."""
    if not rows:
        return
    statement, keys = _insert(connection, table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = (
        statement.on_conflict_do_update(index_elements=keys, set_=others)
        if others
        else statement.on_conflict_do_nothing(index_elements=keys)
    )
    connection.execute(statement, rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert those rows whose primary key is not there yet; how many these were."""
    statement, keys = _insert(connection, table)
    missing = statement.on_conflict_do_nothing(index_elements=keys)
    return sum(connection.execute(missing, row).rowcount for row in rows)


def _insert(connection: Connection, table: Table) -> tuple[Any, list[str]]:
    """An insert that can say what is to happen on a conflict, and the names of the primary key."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table), [c.name for c in table.primary_key]


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: _begin does
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
