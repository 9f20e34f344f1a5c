"""Migrations give the tables that the code uses, and a foreign database is refused."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from stillcold_server.store.database import open_database, read, write
from stillcold_server.store.migrate import NotMigrated, migrate, prepare
from stillcold_server.store.schema import metadata


@pytest.mark.requirement("store.migrations")
def test_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    with read(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_down_and_up_again(engine: Engine) -> None:
    migrate(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    assert set(inspect(engine).get_table_names()) == {"alembic_version", *metadata.tables}


def test_a_database_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE something (x)"))
    with pytest.raises(NotMigrated, match="stillcold-server migrate"):
        prepare(engine)
    engine.dispose()


@pytest.mark.requirement("store.durable")
def test_a_commit_is_on_disk_when_it_returns(engine: Engine) -> None:
    with read(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
