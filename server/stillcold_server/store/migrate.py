"""Bringing a database to the form that this version needs (Alembic).

::

    NotMigrated (Exception)     the database has another form; the message says what to do
"""

from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Engine, inspect

from stillcold_server.store.database import read, write


class NotMigrated(Exception):
    """The database is not in the form that this version needs."""


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision, by default the newest."""
    with write(engine) as connection:
        config = _config()
        config.attributes["connection"] = connection
        steps = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        target = steps.get_current_head() if revision == "head" else revision
        forward = target is not None and (current is None or current in _ancestors(steps, target))
        (command.upgrade if forward else command.downgrade)(config, revision)


def prepare(engine: Engine) -> None:
    """Make the tables of an empty database.

    Raises
    ------
    NotMigrated
        When the database has tables of another version.
    """
    with read(engine) as connection:
        empty = not inspect(connection).get_table_names()
        current = MigrationContext.configure(connection).get_current_revision()
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if empty:
        migrate(engine)
    elif current != head:
        raise NotMigrated(
            f"the database is at revision {current or 'none'}, this version needs {head}: "
            "make a backup, then run `stillcold-server migrate`"
        )


def revisions() -> Iterator[Script]:
    """Every version that a database may have, the newest first."""
    return ScriptDirectory.from_config(_config()).walk_revisions()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _ancestors(steps: ScriptDirectory, revision: str) -> set[str]:
    return {s.revision for s in steps.iterate_revisions(revision, "base")}
