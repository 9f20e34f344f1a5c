"""The installer's commands put together; the command line loads them when one is asked for."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from stillcold_agent import loop
from stillcold_agent.app import make_data_dir
from stillcold_agent.config import Config, load_config
from stillcold_agent.enrolment.authority import NoAnswer, NotApproved, NotReached
from stillcold_agent.enrolment.authority import enrol as ask
from stillcold_agent.enrolment.certificate import install
from stillcold_agent.enrolment.request import write_request
from stillcold_agent.firmware.commands import render_broker, render_gateway
from stillcold_agent.observe.logs import set_up_log
from stillcold_agent.options import clear_errors, config_option, load_with_files
from stillcold_agent.tools.doctor.examine import examine
from stillcold_agent.tools.doctor.finding import State, lines_of
from stillcold_agent.tools.plan import keeps_intervals, plan_lines
from stillcold_agent.tools.probe.search import Search, Task
from stillcold_agent.tools.probe.target import BAUD_RATES, PARITIES, buses_of, leave_alone, units_of
from stillcold_agent.tools.reading import read_once, table
from stillcold_agent.tools.running import agent_runs
from stillcold_agent.tools.watch.look import watch
from stillcold_core.enrolment.request import Request
from stillcold_core.files import BadFile
from stillcold_core.profiles import load_profile, load_profile_file, profile_names

_ASK_AGAIN = 3.0  # s
_CLEAR_SCREEN, _CLEAR_LINE = "\x1b[H\x1b[J", "\r\x1b[K"


@click.command()
@config_option
@click.option("--certificate", type=click.Path(path_type=Path), help="The certificate that came back, to install.")
@click.option("--ca", type=click.Path(path_type=Path), help="The authority's certificate, to install with it.")
@click.option("--code", help="The office's one-time code: ask the server at enrolment.url, and wait for the officer.")
@clear_errors
def enrol(path: Path, certificate: Path | None, ca: Path | None, code: str | None) -> None:
    """Make this gateway's keys and the request for its certificate; with --code, send it and install what comes.

    The keys never leave the gateway. Ctrl-C while it waits loses nothing: the same command goes on.
    """
    config = load_config(path, enrolled=False)
    if certificate:
        click.echo(install(config, certificate, ca))
        return
    if ca:
        raise click.UsageError("--ca needs --certificate")
    if code and not config.enrolment.url:
        raise BadFile(path, "missing; --code needs the server's address", field="enrolment.url")
    make_data_dir(Path(config.data_dir))
    csr_file, request = write_request(config)
    click.echo(f"key of the certificate: {config.mqtt.key_file}")
    click.echo(f"request for the certificate: {csr_file}")
    click.echo(f"  its fingerprint, to read over the phone: {request.fingerprint}")
    if code:
        _wait_for_officer(config, request, code)


def _wait_for_officer(config: Config, request: Request, code: str) -> None:
    said = ""
    while True:
        try:
            own = ask(config, request, code)
        except NotApproved as error:
            if error.state != "waiting":
                raise BadFile("enrolment.url", f"{error}; ask the office") from error
            news = "the office has the request; now read the fingerprint to its system administrator"
        except NoAnswer as error:
            if not (said and isinstance(error, NotReached)):
                raise BadFile("enrolment.url", str(error)) from error
            news = f"{error}; asking again until it answers"
        else:
            click.echo(f"{config.mqtt.cert_file}: installed, good until {own.not_valid_after_utc:%Y-%m-%d}")
            return
        if news != said:
            click.echo(news)
        said = news
        time.sleep(_ASK_AGAIN)


@click.command()
@config_option
@click.option(
    "--answer-time",
    type=click.FloatRange(0, 10),
    default=0.02,
    show_default=True,
    help="s that a meter takes to begin its answer.",
)
@clear_errors
def plan(path: Path, answer_time: float) -> None:
    """Print every request that would be sent, and how busy it keeps each bus; exit code 1 if one cannot keep up.

    Nothing is opened or made.
    """
    config = load_with_files(path)
    click.echo("\n".join(plan_lines(config, answer_time)))
    sys.exit(0 if keeps_intervals(config, answer_time) else 1)


@click.command()
@config_option
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
@clear_errors
def probe(
    path: Path, target: str, units: str, profile: tuple[Path, ...], function: int, orders: bool, **line: Any
) -> None:
    """Find meters at TARGET, a serial device or HOST[:PORT], and the profile that fits each. It only reads.

    Ctrl-C ends it with what was found so far; exit code 1 if that is nothing.
    """
    set_up_log("error")
    buses = buses_of(
        target, line["baud_rate"], line["parity"], line["stop_bits"], line["timeout"], rtu_over_tcp=line["rtu_over_tcp"]
    )
    if path.exists():
        leave_alone(load_config(path, enrolled=False), buses)
    profiles = [*map(load_profile, profile_names()), *map(load_profile_file, profile)]
    progress = _Progress()
    search = Search(Task(buses, units_of(units), function, profiles, orders), progress.say, progress.tell)
    opened = True
    with suppress(KeyboardInterrupt):
        opened = loop.run(search.run())
    if not opened:
        raise BadFile(target, "cannot be opened; expected a line or host that no other program, nor the agent, uses")
    search.conclude()
    sys.exit(0 if search.units else 1)


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of objects.")
@clear_errors
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


@click.command("watch")
@config_option
@click.option("--every", type=click.FloatRange(0.2, 3600), default=1.0, show_default=True, help="s between tables.")
@click.option("--once", is_flag=True, help="Print one table and end.")
@clear_errors
def watch_command(path: Path, every: float, once: bool) -> None:
    """Show what the meters show and how the buses get on, until Ctrl-C; beside a running agent or without one."""
    config = load_config(path, enrolled=False)
    set_up_log("error")
    in_place = _CLEAR_SCREEN if sys.stdout.isatty() and not once else ""
    with suppress(KeyboardInterrupt):
        loop.run(watch(config, every, once, lambda lines: click.echo(in_place + "\n".join(lines))))


@click.command("read-once")
@config_option
@clear_errors
def read_once_command(path: Path) -> None:
    """Read every meter once and print what it shows; exit code 1 if one did not answer."""
    config = load_with_files(path)
    if agent_runs(Path(config.data_dir)):
        raise BadFile(config.data_dir, "an agent runs; two masters would disturb each other, see stillcold-agent watch")
    set_up_log("error")
    readings = loop.run(read_once(config))
    click.echo("\n".join(table(readings)))
    sys.exit(0 if all(r.answered for r in readings) else 1)


class _Progress:
    """Lines of a result, and below them, to somebody who waits at a terminal, how it goes on."""

    def __init__(self) -> None:
        self._waits = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """A line of the result."""
        if self._waits:
            click.echo(_CLEAR_LINE, err=True, nl=False)
        click.echo(text)

    def tell(self, text: str) -> None:
        """How it goes on, in place of what was told before."""
        if self._waits:
            click.echo(_CLEAR_LINE + text, err=True, nl=False)


TOOLS: dict[str, click.Command] = {
    str(c.name): c
    for c in (doctor, enrol, plan, probe, read_once_command, render_broker, render_gateway, watch_command)
}
