"""A server's configuration for a test's database, and a database that fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, Table, text

from stillcold_server.store.database import write


@contextmanager
def failing(engine: Engine, table: Table) -> Iterator[None]:
    """While whoever reads the table is told that the database cannot: it is gone in SQLite, locked in PostgreSQL."""
    if engine.dialect.name == "sqlite":
        with write(engine) as connection:
            table.drop(connection)
        yield
        return
    with write(engine) as connection:
        connection.execute(text(f'ALTER DATABASE "{engine.url.database}" SET statement_timeout = 200'))
    engine.dispose()
    with engine.connect() as connection:
        connection.execute(text(f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE"))
        yield


def database_line(engine: Engine) -> str:
    """The line that names a database, whichever kind it is."""
    return f'database = "{engine.url.render_as_string(hide_password=False)}"\n'
