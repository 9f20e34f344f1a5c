"""``stillcold-server``: run, migrate, scan, create-user, request-replay; and groups of commands."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import select

from stillcold_core.registry import load_registry
from stillcold_server.alerts.commands import channel
from stillcold_server.audit.commands import audit
from stillcold_server.backup import commands as backup
from stillcold_server.config import load_config
from stillcold_server.detection.scan import scan_files
from stillcold_server.evidence.commands import evidence
from stillcold_server.identity.commands import COMMANDS
from stillcold_server.ingest.replays import NothingMissing, request_replay
from stillcold_server.jobs.commands import jobs
from stillcold_server.options import FILE, commanding, config_option, plain_errors, prepared
from stillcold_server.people.accounts import AccountError, create_user
from stillcold_server.people.rights import ROLES
from stillcold_server.registry.commands import registry
from stillcold_server.store import schema
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import open_database
from stillcold_server.store.migrate import migrate


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


@click.group()
@click.version_option(package_name="stillcold-server")
def main() -> None:
    """Stillcold's server: verifies and stores signed readings, detects restarts, gets an officer to act."""


@main.command()
@config_option
@plain_errors
def run(config_file: Path) -> None:
    """Receive, store, detect, tell, and serve the console until stopped."""
    from stillcold_server.app import serve  # noqa: PLC0415 - most of all imports, that no other command needs

    serve(load_config(config_file), click.echo)


@main.command("migrate")
@config_option
@plain_errors
def migrate_command(config_file: Path) -> None:
    """Bring the database to the form that this version needs."""
    migrate(open_database(load_config(config_file).database))
    click.echo("database is up to date")


@main.command("request-replay")
@click.option("--gateway", required=True, help="Id of the gateway.")
@click.option("--epoch", callback=lambda _c, _p, text: _epoch(text), help="Of its journal, 16 hexadecimal digits.")
@click.option("--from", "first", type=click.IntRange(min=1), help="First sequence.")
@click.option("--to", "until", type=click.IntRange(min=1), help="Last sequence.")
@config_option
@plain_errors
def request_replay_command(
    gateway: str, epoch: bytes | None, first: int | None, until: int | None, config_file: Path
) -> None:
    """Ask a gateway for batches that it keeps for some days after they were acknowledged.

    Without --epoch, --from and --to: for every gap in its chain. The running server asks when the gateway is online.
    """
    wanted = None
    if (epoch, first, until) != (None, None, None):
        if epoch is None or first is None or until is None or until < first:
            raise click.UsageError("expected all of --epoch, --from and --to, and --to not below --from")
        wanted = (epoch, first, until)
    with commanding(prepared(load_config(config_file)), "gateway.replay", gateway) as connection:
        if connection.scalar(select(schema.gateway.c.id).where(schema.gateway.c.id == gateway)) is None:
            raise click.ClickException(f"there is no gateway {gateway} in the registry")
        try:
            ranges = request_replay(connection, gateway, wanted, wall_clock())
        except NothingMissing:
            raise click.ClickException(f"nothing is missing of {gateway}, as far as its chain shows") from None
    for of_epoch, begin, end in ranges:
        click.echo(f"{gateway}: {begin} to {end} of epoch {of_epoch.hex()} will be asked for when it is online")


def _epoch(text: str | None) -> bytes | None:
    try:
        epoch = None if text is None else bytes.fromhex(text)
    except ValueError:
        epoch = b""
    if epoch is not None and len(epoch) != 8:
        raise click.BadParameter(f"got {text!r}; expected 16 hexadecimal digits")
    return epoch


@main.command("create-user")
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


@main.command()
@click.option("--registry", "-r", "registry_file", type=FILE, required=True, help="Registry file.")
@click.option(
    "--measurements",
    "-m",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="CSV (also .csv.gz) or Parquet file, or a folder of them; may be repeated.",
)
@click.argument("more", metavar="[MEASUREMENTS]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--alerts", "-o", "alerts_file", type=FILE, required=True, help="Where to write the alerts, JSON lines.")
@click.option(
    "--jobs", "-j", type=click.IntRange(min=1), default=_cores, show_default="cores", help="Processes at most."
)
@plain_errors
def scan(
    registry_file: Path, measurements: tuple[Path, ...], more: tuple[Path, ...], alerts_file: Path, jobs: int
) -> None:
    """Run the detection over files of measurements, exactly as it runs live.

    The alerts are the same however the rows lie in the files, and however many processes there are. Rows are put
    into order in a temporary file beside the alerts, which takes 8 bytes a number. Exit code 1: a detector failed on
    some of them, and an alert may be missing.
    """
    scanned = scan_files(
        load_registry(registry_file), [*measurements, *more], alerts_file, jobs=jobs, watch=_progress_bar
    )
    click.echo(f"{scanned.alerts} alerts written to {alerts_file}")
    if scanned.failed:
        click.echo(f"a detector failed on {scanned.failed} blocks of samples: alerts may be missing", err=True)
        sys.exit(1)


@contextmanager
def _progress_bar(stage: str, amount: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere a line for each stage."""
    with click.progressbar(length=amount, label=stage, file=sys.stderr) as bar:
        yield bar.update


for _command in (*COMMANDS, *backup.COMMANDS):
    main.add_command(_command)
main.add_command(evidence)
main.add_command(channel)
main.add_command(registry)
main.add_command(jobs)
main.add_command(audit)
