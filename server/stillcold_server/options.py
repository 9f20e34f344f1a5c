"""What the commands share: the configuration's option, errors in one line, and a database that is ready."""

import getpass
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
from sqlalchemy import Connection, Engine

from stillcold_core.files import BadFile
from stillcold_server.audit.chain import acting
from stillcold_server.backup.copies import BackupFailed
from stillcold_server.config import Config
from stillcold_server.identity.enrolments import NotDone
from stillcold_server.registry.ledger import NotImported
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import NotMigrated, prepare

P = ParamSpec("P")
R = TypeVar("R")
FILE = click.Path(path_type=Path, dir_okay=False)
config_option = click.option(
    "--config", "-c", "config_file", type=FILE, default="server.toml", show_default=True, help="Configuration file."
)


def plain_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Show a file or database that cannot be used as one line and end with 2."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (BackupFailed, BadFile, NotMigrated, NotDone, NotImported) as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)
        except BrokenProcessPool:
            click.echo("error: a process was ended from outside, out of memory perhaps; try fewer --jobs", err=True)
            sys.exit(1)

    return run


def prepared(config: Config) -> Engine:
    """The database, with its tables, until the end of the command.

    Raises
    ------
    NotMigrated
        When it is of another version.
    """
    engine = open_database(config.database)
    if context := click.get_current_context(silent=True):
        context.call_on_close(engine.dispose)
    prepare(engine)
    return engine


@dataclass(frozen=True, slots=True)
class Commander:
    """Whoever gives a command on the server itself."""

    name: str
    address: str = ""


def own_name() -> str:
    """Of the account on this machine that runs the command."""
    return f"{getpass.getuser()} (command)"


def commanding(engine: Engine, action: str, subject: str, *, note: str = "") -> AbstractContextManager[Connection]:
    """A transaction that writes, with its entry in the audit log."""
    return acting(engine, Commander(own_name()), action, subject, note=note, now=wall_clock())
