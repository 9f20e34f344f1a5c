"""The command of the database."""

from pathlib import Path

import click

from stillcold_server.config import load_config
from stillcold_server.options import config_option, plain_errors
from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import migrate


@click.command("migrate")
@config_option
@plain_errors
def migrate_command(config_file: Path) -> None:
    """Bring the database to the form that this version needs."""
    migrate(open_database(load_config(config_file).database))
    click.echo("database is up to date")
