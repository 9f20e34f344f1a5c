"""``stillcold-server channel test``."""

import sys
from pathlib import Path

import click

from stillcold_server.alerts.message import test_message
from stillcold_server.alerts.senders import NotDelivered, make_sender
from stillcold_server.config import load_config
from stillcold_server.language.texts import load_texts
from stillcold_server.options import config_option, plain_errors
from stillcold_server.store.clock import wall_clock


@click.group()
def channel() -> None:
    """The ways to tell an officer: see docs/channels.md."""


@channel.command("test")
@click.argument("name", metavar="ID")
@click.option("--to", "address", default="", help="Of the recipient, where the channel tells one person.")
@config_option
@plain_errors
def test_command(name: str, address: str, config_file: Path) -> None:
    """Send a test message and print what the other side said. Exit code 1: it did not take it."""
    config = load_config(config_file)
    found = next((c for c in config.channel if c.id == name), None)
    if found is None:
        known = ", ".join(c.id for c in config.channel) or "none"
        raise click.UsageError(f"there is no channel {name}; the configuration has {known}")
    sender = make_sender(found)
    if sender.addressed and not address:
        raise click.UsageError(f"channel {name} tells one person: expected --to ADDRESS")
    now = wall_clock()
    message = test_message(load_texts()[config.language], None, now, config.http.public_url)
    try:
        click.echo(f"{name} has taken it: {sender.send(message, address)}")
    except NotDelivered as error:
        later = f"; again in {error.retry_after:g} s at the earliest" if error.retry_after else ""
        kind = "for good" if error.permanent else "for now"
        click.echo(f"{name} has not taken it, {kind}: {error}{later}", err=True)
        sys.exit(1)
