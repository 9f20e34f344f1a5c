"""Opening the database, and the two ways to use it: :func:`read` and :func:`write`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite

from stillcold_server.store.turns import Turns

_WRITERS = 0x5354494C4C  # of the advisory lock that whoever writes to PostgreSQL takes
_OPTIONS = (
    "synchronous_commit=on",  # a commit that has returned is on disk
    "lock_timeout=30000",  # ms that a writer waits for another, as in SQLite
    "idle_in_transaction_session_timeout=60000",  # ms until a server that is frozen loses the lock
    "timezone=UTC",
)
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000")


def open_database(url: str) -> Engine:
    """An engine for a database URL.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql+psycopg://…``. In both a commit that has returned survives a power cut:
        SQLite is opened with a write-ahead log and ``synchronous=FULL``, PostgreSQL with ``synchronous_commit=on``.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, json_serializer=_dumps, execution_options={"turns": Turns()})
        if address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        options = " ".join(f"-c {option}" for option in _OPTIONS)
        asked = {"options": options, "connect_timeout": 10}
        engine = create_engine(address, json_serializer=_dumps, pool_pre_ping=True, connect_args=asked)
        event.listen(engine, "begin", _begin_postgresql)
    return engine


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; it commits at the end.

    It takes the lock of all writers at once, so that what it reads stays as it is until it has written, and ids are
    seen in the order in which they were given: one transaction at a time writes, in SQLite and in PostgreSQL.
    """
    turns: Turns | None = engine.get_execution_options().get("turns")
    with (
        turns.one() if turns else nullcontext(),
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
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


def insert_missing(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert those rows whose primary key is not there yet."""
    if rows:
        statement, _ = _insert(connection, table)
        connection.execute(statement.on_conflict_do_nothing(), rows)


def _insert(connection: Connection, table: Table) -> tuple[Any, list[str]]:
    """An insert that can say what is to happen on a conflict, and the names of the primary key."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table), [c.name for c in table.primary_key]


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: _begin does
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if _writes(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writes", False))


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
