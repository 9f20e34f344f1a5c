"""The command that makes a user."""

from pathlib import Path

import click

from stillcold_server.config import load_config
from stillcold_server.options import commanding, config_option, plain_errors, prepared
from stillcold_server.people.accounts import AccountError, create_user
from stillcold_server.people.rights import ROLES


@click.command("create-user")
@click.argument("name")
@click.option("--role", "roles", type=click.Choice(ROLES), required=True, multiple=True, help="May be repeated.")
@config_option
@plain_errors
def create_user_command(name: str, roles: tuple[str, ...], config_file: Path) -> None:
    """Add a user; prints a one-time password that must be changed at the first login."""
    try:
        with commanding(prepared(load_config(config_file)), "user.create", name, note=" ".join(roles)) as connection:
            password = create_user(connection, name, roles)
    except AccountError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"one-time password of {name}: {password}")
