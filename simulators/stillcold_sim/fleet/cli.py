"""``stillcold-sim fleet``: load tests without meters."""

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from stillcold_core.files import BadFile
from stillcold_core.registry import save_registry
from stillcold_sim.fleet.model import FleetFile, load_fleet
from stillcold_sim.fleet.registry import registry_of
from stillcold_sim.fleet.run import NoBroker, run_fleet
from stillcold_sim.fleet.tally import Report

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("fleet")
def fleet_commands() -> None:
    """Thousands of simulated gateways against a broker."""


@fleet_commands.command("registry")
@click.argument("fleet_file", type=_FILE)
@click.argument("registry_file", type=_FILE)
def registry_command(fleet_file: Path, registry_file: Path) -> None:
    """Write the registry of FLEET_FILE for `stillcold-server registry import`."""
    fleet = _load(fleet_file)
    save_registry(registry_of(fleet), registry_file)
    click.echo(f"{fleet.gateways} gateways, {fleet.gateways * fleet.points} points written to {registry_file}")


@fleet_commands.command("run")
@click.argument("fleet_file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def run_command(fleet_file: Path, as_json: bool) -> None:
    """Run FLEET_FILE to its end; exit code 1 unless the server acknowledged every batch."""
    fleet = _load(fleet_file)
    try:
        report = asyncio.run(run_fleet(fleet))
    except (BadFile, NoBroker, OSError) as error:
        click.echo(f"cannot run: {error}", err=True)
        sys.exit(2)
    click.echo(msgspec.json.encode(report).decode() if as_json else told(report))
    sys.exit(0 if report.clean else 1)


def _load(path: Path) -> FleetFile:
    try:
        return load_fleet(path)
    except BadFile as error:
        click.echo(error, err=True)
        sys.exit(2)


def told(report: Report) -> str:
    """A report for people."""
    r = report
    delays = ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in r.latency.items()) or "none"
    each = max(r.values, 1)
    return "\n".join(
        (
            f"{r.gateways} gateways on {r.connections} connections, {r.seconds:.1f} s",
            f"made          {r.made} batches, {r.values} values, {r.bytes / each:.2f} B a value",
            f"sent          {r.sent} messages, {r.sent / r.seconds:.0f} a second; "
            f"{r.duplicates} twice on purpose, {r.again} again without an answer",
            f"acknowledged  {r.acknowledged}; refused {_reasons(r.refused)}; "
            f"dropped {_reasons(r.dropped)}; lost {r.lost}",
            f"latency       {delays}",
            f"reconnects    {r.reconnects}",
            f"fleet behind  {1000 * r.behind:.1f} ms (p99)",
        )
    )


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "0"
