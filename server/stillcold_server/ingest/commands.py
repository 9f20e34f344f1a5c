"""The command that asks a gateway for batches again."""

from pathlib import Path

import click
from sqlalchemy import select

from stillcold_server.config import load_config
from stillcold_server.ingest.replays import NothingMissing, request_replay
from stillcold_server.options import commanding, config_option, plain_errors, prepared
from stillcold_server.store import schema
from stillcold_server.store.clock import wall_clock


@click.command("request-replay")
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
