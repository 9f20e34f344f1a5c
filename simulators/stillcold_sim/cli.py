"""``stillcold-sim``: simulated meters for testers."""

import asyncio
import ipaddress
import logging
import signal
import sys
from pathlib import Path
from typing import Any, Literal

import click

from stillcold_core.files import BadFile
from stillcold_sim.fleet.cli import fleet_commands
from stillcold_sim.judging.cli import check_command, run_command, score_command
from stillcold_sim.playing import play_until_told
from stillcold_sim.proxy.cli import proxy_command
from stillcold_sim.recorder.cli import record_command, replay_command
from stillcold_sim.scenario import find_scenario, load_scenario
from stillcold_sim.scenario.library import library_page, shipped


class _Address(click.ParamType[str]):
    """An IP address."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            self.fail("expected an IP address, e.g. 127.0.0.1", param, ctx)


@click.group()
def main() -> None:
    """Simulated meters, loads and faults over real Modbus."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")


main.add_command(fleet_commands)
main.add_command(proxy_command)
main.add_command(record_command)
main.add_command(replay_command)
main.add_command(run_command)
main.add_command(check_command)
main.add_command(score_command)


@main.command("list")
@click.option("--family", help="Only the scenarios of this family.")
@click.option("--markdown", is_flag=True, help="Print the tables of docs/scenario-library.md.")
def list_scenarios(family: str | None, markdown: bool) -> None:
    """List the scenarios that ship with Stillcold: name, family and what happens."""
    if markdown:
        click.echo(library_page())
        return
    try:
        for file in shipped(family):
            click.echo(f"{file.name:28} {file.family or '':8} {file.title}")
    except BadFile as error:
        click.echo(error, err=True)
        sys.exit(2)


@main.command()
@click.argument("scenario")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Simulated seconds in a real one.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the random numbers.")
@click.option("--truth", type=click.Path(path_type=Path), help="Write what is played to this file, JSON lines.")
@click.option("--ports-file", type=click.Path(path_type=Path), help="Write what listens where to this file, JSON.")
@click.option("--stay", is_flag=True, help="Keep serving when the story is over.")
@click.option("--control", type=click.IntRange(0, 65535), help="Serve the control page here; 0 takes a free port.")
@click.option("--control-host", type=_Address(), default="127.0.0.1", show_default=True, help="Address to serve it on.")
def serve(
    scenario: str,
    speed: float | None,
    seed: int | None,
    truth: Path | None,
    ports_file: Path | None,
    stay: bool,
    control: int | None,
    control_host: str,
) -> None:
    """Play SCENARIO: a file, or the name of a shipped scenario."""
    try:
        loaded = load_scenario(find_scenario(scenario))
        place = None if control is None else (control_host, control)
        asyncio.run(play_until_told(loaded, {"speed": speed, "seed": seed, "truth": truth}, ports_file, stay, place))
    except BadFile as error:
        click.echo(error, err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"cannot serve: {error}", err=True)
        sys.exit(1)


@main.command()
@click.option(
    "--once", is_flag=True, help="End with the story; exit code 1 unless every expected alert came, and no other."
)
@click.option("--story", default="demo", show_default=True, help="Scenario to play; it must name a registry.")
@click.option(
    "--broker", type=click.Choice(["mosquitto", "iotcore"]), help="By default mosquitto where it is installed."
)
@click.option("--browse/--no-browse", default=True, help="Open the console in a browser.")
def demo(once: bool, story: str, broker: Literal["mosquitto", "iotcore"] | None, browse: bool) -> None:
    """Run all of Stillcold on this machine, with a story going through it, until Ctrl-C."""
    from stillcold_sim.demo import Failed, run_demo  # noqa: PLC0415  # what no other command need wait for

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that starts it in the background has SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        sys.exit(0 if run_demo(once=once, story=story, broker=broker, browse=browse) else 1)
    except (BadFile, Failed) as error:
        click.echo(error, err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
