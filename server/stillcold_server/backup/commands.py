"""``stillcold-server backup`` and ``restore``."""

from pathlib import Path

import click

from stillcold_server.backup.archive import back_up, restore
from stillcold_server.config import Config, load_config
from stillcold_server.options import config_option, plain_errors, prepared
from stillcold_server.store.clock import wall_clock

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("backup")
@click.argument("folder", type=_FOLDER)
@config_option
@plain_errors
def backup_command(folder: Path, config_file: Path) -> None:
    """Copy the database into a new folder below FOLDER, also while the server runs.

    Keys, certificates and the configuration are not in it.
    """
    config = load_config(config_file)
    place = back_up(prepared(config), folder, wall_clock())
    click.echo(f"made {place}")
    click.echo(f"not in it, keep copies elsewhere: {', '.join(_apart(config, config_file))}")


@click.command("restore")
@click.argument("backup", type=_FOLDER)
@config_option
@plain_errors
def restore_command(backup: Path, config_file: Path) -> None:
    """Put a backup into the empty database that the configuration names; stop the server first."""
    config = load_config(config_file)
    manifest = restore(backup, config.database)
    click.echo(f"restored {manifest.facts.batches} batches and {manifest.facts.alerts} alerts of {manifest.made_at}")
    click.echo(f"the same files as before must be there: {', '.join(_apart(config, config_file))}")


def _apart(config: Config, config_file: Path) -> list[str]:
    """Files that a server needs beside its database."""
    named = [config_file, config.evidence.key_file, config.people.key_file]
    named += [config.mqtt.key_file, config.mqtt.password_file]
    named += [config.ca.folder, config.ca.broker_folder] if config.ca else []
    named += [config.influx.token_file] if config.influx else []
    named += [config.watchdog.url_file] if config.watchdog else []
    for channel in config.channel:
        named += [getattr(channel, field) for field in channel.__struct_fields__ if field.endswith("_file")]
    return list(dict.fromkeys(str(name) for name in named if name))
