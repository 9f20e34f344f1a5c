"""Migrations give the tables that the code uses, and a foreign database is refused."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Table, inspect, select, text, update

from stillcold_core.registry import Registry
from stillcold_server.followers import position
from stillcold_server.store.database import open_database, read, write
from stillcold_server.store.marks import read_mark
from stillcold_server.store.migrate import NotMigrated, migrate, prepare, revisions
from stillcold_server.store.schema import detector_state, metadata
from support.gateway import SignedGateway
from support.postgres import DIALECTS
from support.seeds import Content, content, seed, tables_of
from support.story import feed, restart_story


@pytest.mark.requirement("store.migrations")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    with read(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.requirement("store.both")
@pytest.mark.requirement("store.migrations.both-ways")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_step_up_down_and_up_again_keeps_every_row(engine: Engine) -> None:
    """Of every table, with rows in each, also in those that the way down drops: what the version before has is the
    same after up and down, and what came up out of it after down and up.
    """
    migrate(engine, "base")
    steps = [s.revision for s in reversed(list(revisions()))]
    migrate(engine, steps[0])
    tables = there(engine)
    for before, after in pairwise(steps):
        with write(engine) as connection:
            seed(connection, tables)
        old = rows(engine, tables)
        assert all(old.values())
        migrate(engine, after)
        newer = there(engine)
        new = {name: found for name, found in rows(engine, newer).items() if found}
        with write(engine) as connection:
            seed(connection, newer)
        migrate(engine, before)
        assert rows(engine, tables) == old, f"{after} up and down"
        migrate(engine, after)
        assert {name: found for name, found in rows(engine, newer).items() if found} == new, f"{after} down and up"
        tables = newer
    with read(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def there(engine: Engine) -> Sequence[Table]:
    with read(engine) as connection:
        return tables_of(connection)


def rows(engine: Engine, tables: Sequence[Table]) -> Content:
    with read(engine) as connection:
        return content(connection, tables)


def test_down_and_up_again(engine: Engine) -> None:
    migrate(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    assert set(inspect(engine).get_table_names()) == {"alembic_version", *metadata.tables}


@pytest.mark.requirement("store.migrations.states")
def test_a_line_keeps_its_state_up_and_down(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    """Between the tables of each version: what detection remembered of a line goes on."""
    feed(engine, gateway, restart_story())
    kept = msgspec.msgpack.encode({"version": 1, "points": {}})  # the form that the version before reads
    with write(engine) as connection:
        connection.execute(update(detector_state).values(state=kept))
    migrate(engine, "0001")
    with read(engine) as connection:
        lines = connection.execute(text("SELECT line, condition, state FROM line_status")).all()
    assert [tuple(row) for row in lines] == [("f1", "dead", kept)]
    migrate(engine)
    assert states(engine) == {("restart", "f1"): kept}
    with read(engine) as connection:
        assert read_mark(connection, "checkpoint") == position(connection, "detection") == 11


def test_a_state_that_the_version_before_cannot_read_is_left_out(
    engine: Engine, plant: Registry, gateway: SignedGateway
) -> None:
    feed(engine, gateway, restart_story())
    with write(engine) as connection:
        newer = msgspec.msgpack.encode({"version": 99})
        connection.execute(update(detector_state).values(state=newer))
    migrate(engine, "0001")
    with read(engine) as connection:
        assert connection.execute(text("SELECT line FROM line_status")).all() == []


def states(engine: Engine) -> dict[tuple[str, str], bytes]:
    with read(engine) as connection:
        return {(r.detector, r.subject): r.state for r in connection.execute(select(detector_state))}


def test_a_database_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE something (x)"))
    with pytest.raises(NotMigrated, match="stillcold-server migrate"):
        prepare(engine)
    engine.dispose()


@pytest.mark.requirement("store.durable")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_commit_is_on_disk_when_it_returns(engine: Engine) -> None:
    asked: dict[str, dict[str, object]] = {
        "sqlite": {"PRAGMA synchronous": 2, "PRAGMA journal_mode": "wal"},
        "postgresql": {"SHOW synchronous_commit": "on"},
    }
    with read(engine) as connection:
        for question, answer in asked[engine.dialect.name].items():
            assert connection.exec_driver_sql(question).scalar() == answer
