"""The command line, ``stillcold-agent``."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click
import msgspec

import stillcold_agent
from stillcold_agent.app import Agent, make_data_dir, sole_use
from stillcold_agent.config import Config, load_config
from stillcold_agent.counts import Counts
from stillcold_agent.identity import load_or_make_key
from stillcold_agent.observe.logs import set_up_log
from stillcold_agent.tools.certificate import install
from stillcold_agent.tools.doctor.examine import examine
from stillcold_agent.tools.doctor.finding import State, lines_of
from stillcold_agent.tools.enrol import request
from stillcold_agent.tools.plan import keeps_intervals, plan_lines
from stillcold_agent.tools.probe.search import Search, Task
from stillcold_agent.tools.probe.target import BAUD_RATES, PARITIES, buses_of, units_of
from stillcold_agent.tools.reading import read_once, registry_lines, table
from stillcold_agent.tools.watch.look import watch
from stillcold_agent.uplink.client import tls_context
from stillcold_core.files import BadFile
from stillcold_core.profiles import load_profile, load_profile_file, profile_names

P = ParamSpec("P")


def _clear_errors(command: Callable[P, None]) -> Callable[P, None]:
    """A file that cannot be used is one line on stderr and exit code 2."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BadFile as error:
            click.echo(f"stillcold-agent: {error}", err=True)
            sys.exit(2)

    return guarded


_config = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/stillcold/agent.toml"),
    show_default=True,
    help="The configuration file.",
)


@click.group()
@click.version_option(stillcold_agent.__version__)
def main() -> None:
    """Read meters over Modbus, sign what they show, keep it, and publish it until the server has it."""


@main.command()
@_config
@_clear_errors
def run(path: Path) -> None:
    """Work until SIGTERM or SIGINT."""
    config = _load(path)
    counts = Counts()
    set_up_log(config.log_level, config.log_format, counts)
    with sole_use(Path(config.data_dir)):
        asyncio.run(_run(Agent(config, counts)))


@main.command("check-config")
@_config
@_clear_errors
def check_config(path: Path) -> None:
    """Check the file, and print how the server must register this gateway.

    The gateway's key is made if there is none.
    """
    config = _load(path)
    make_data_dir(Path(config.data_dir))
    key = load_or_make_key(Path(config.data_dir))
    click.echo(f"{path}: good, {len(config.device)} meters on {len(config.bus)} buses")
    click.echo("\n# for the server's registry.toml")
    click.echo(registry_lines(config.gateway, key))


@main.command()
@_config
@click.option("--certificate", type=click.Path(path_type=Path), help="The certificate that came back, to install.")
@click.option("--ca", type=click.Path(path_type=Path), help="The authority's certificate, to install with it.")
@_clear_errors
def enrol(path: Path, certificate: Path | None, ca: Path | None) -> None:
    """Make this gateway's keys and the request for its certificate; with --certificate, check and install what came.

    The keys never leave the gateway.
    """
    config = load_config(path, enrolled=False)
    if certificate:
        click.echo(install(config, certificate, ca))
    elif ca:
        raise click.UsageError("--ca needs --certificate")
    else:
        make_data_dir(Path(config.data_dir))
        click.echo("\n".join(request(config)))


@main.command()
@_config
@click.option(
    "--answer-time",
    type=click.FloatRange(0, 10),
    default=0.02,
    show_default=True,
    help="s that a meter takes to begin its answer.",
)
@_clear_errors
def plan(path: Path, answer_time: float) -> None:
    """Print every request that would be sent, and how busy it keeps each bus; exit code 1 if one cannot keep up.

    Nothing is opened or made.
    """
    config = _load(path)
    click.echo("\n".join(plan_lines(config, answer_time)))
    sys.exit(0 if keeps_intervals(config, answer_time) else 1)


@main.command()
@click.argument("target")
@click.option("--units", default="1-32", show_default=True, help="Addresses to ask: 5, 1-32 or 1-8,20.")
@click.option("--baud-rate", type=int, multiple=True, default=BAUD_RATES, show_default=True, help="Serial: to try.")
@click.option("--parity", type=click.Choice(["N", "E", "O"]), multiple=True, default=PARITIES, show_default=True)
@click.option("--stop-bits", type=click.Choice([1, 2]), default=1, show_default=True)
@click.option("--rtu-over-tcp", is_flag=True, help="HOST is a transparent converter: frames of a serial line over TCP.")
@click.option("--timeout", type=click.FloatRange(0.05, 30), help="s to wait for an answer.  [default: 0.2; host: 1]")
@click.option(
    "--function", type=click.Choice([1, 2, 3, 4]), default=3, show_default=True, help="Of the first question."
)
@click.option("--profile", multiple=True, type=click.Path(path_type=Path), help="Files of profiles to compare too.")
@click.option("--orders", is_flag=True, help="Try other orders of bytes and words, and neighbouring addresses.")
@_clear_errors
def probe(target: str, units: str, profile: tuple[Path, ...], function: int, orders: bool, **line: Any) -> None:
    """Find meters at TARGET, a serial device or HOST[:PORT], and the profile that fits each. It only reads.

    Ctrl-C ends it with what was found so far; exit code 1 if that is nothing.
    """
    set_up_log("error")
    buses = buses_of(
        target, line["baud_rate"], line["parity"], line["stop_bits"], line["timeout"], rtu_over_tcp=line["rtu_over_tcp"]
    )
    profiles = [*map(load_profile, profile_names()), *map(load_profile_file, profile)]
    search = Search(Task(buses, units_of(units), function, profiles, orders), click.echo, _progress)
    opened = True
    with suppress(KeyboardInterrupt):
        opened = asyncio.run(search.run())
    if not opened:
        raise BadFile(target, "cannot be opened; expected a line or host that no other program, nor the agent, uses")
    search.conclude()
    sys.exit(0 if search.units else 1)


@main.command()
@_config
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of objects.")
@_clear_errors
def doctor(path: Path, as_json: bool) -> None:
    """Check clock, disk, files, service, meters, broker and server, and say what to do; exit code 1 if one fails."""
    config = load_config(path, enrolled=False)
    set_up_log("error")
    findings = []
    for finding in examine(path, config):
        findings.append(finding)
        if not as_json:
            click.echo("\n".join(lines_of([finding])))
    if as_json:
        click.echo(msgspec.json.encode(findings))
    sys.exit(1 if any(f.state is State.FAIL for f in findings) else 0)


@main.command("watch")
@_config
@click.option("--every", type=click.FloatRange(0.2, 3600), default=1.0, show_default=True, help="s between tables.")
@click.option("--once", is_flag=True, help="Print one table and end.")
@_clear_errors
def watch_command(path: Path, every: float, once: bool) -> None:
    """Show what the meters show and how the buses get on, until Ctrl-C; beside a running agent or without one."""
    config = load_config(path, enrolled=False)
    set_up_log("error")
    in_place = "\x1b[H\x1b[J" if sys.stdout.isatty() and not once else ""
    with suppress(KeyboardInterrupt):
        asyncio.run(watch(config, every, once, lambda lines: click.echo(in_place + "\n".join(lines))))


@main.command("read-once")
@_config
@_clear_errors
def read_once_command(path: Path) -> None:
    """Read every meter once and print what it shows; exit code 1 if one did not answer."""
    config = _load(path)
    set_up_log("error")
    readings = asyncio.run(read_once(config))
    click.echo("\n".join(table(readings)))
    sys.exit(0 if all(r.answered for r in readings) else 1)


def _load(path: Path) -> Config:
    """The configuration, checked with the files that it names before anything is opened."""
    config = load_config(path)
    tls_context(config.mqtt)
    return config


def _progress(text: str) -> None:
    """Say how it goes on, in place, to somebody who waits."""
    if sys.stderr.isatty():
        click.echo(f"\r{text} ", err=True, nl=False)


async def _run(agent: Agent) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await agent.run(stop)


if __name__ == "__main__":
    main()
