"""``stillcold-server jobs``: list and run."""

import sys
from pathlib import Path

import click

from stillcold_server.alerts.senders import make_sender
from stillcold_server.api.moments import to_iso
from stillcold_server.config import load_config
from stillcold_server.duty.reach import channels_of
from stillcold_server.jobs.clockwork import next_times
from stillcold_server.jobs.model import JobContext
from stillcold_server.jobs.runner import Runner
from stillcold_server.jobs.runs import last_runs
from stillcold_server.jobs.table import JOBS
from stillcold_server.language.texts import load_texts
from stillcold_server.metrics import Metrics
from stillcold_server.options import config_option, plain_errors, prepared
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import read


@click.group()
def jobs() -> None:
    """What the server does at set times: see docs/jobs.md."""


@jobs.command("list")
@config_option
@plain_errors
def list_command(config_file: Path) -> None:
    """Show each job with its next and its last run."""
    config = load_config(config_file)
    with read(prepared(config)) as connection:
        last, coming = last_runs(connection), next_times(connection)
    texts = load_texts()[config.language]
    for name in JOBS:
        at = to_iso(coming[name]) if name in coming else "-"
        run = last.get(name)
        said = "never" if run is None else f"{to_iso(run.started_at)} {run.state} {run.detail}".rstrip()
        click.echo(f"{name}: {texts(f'job.{name}')}; next {at}; last {said}")


@jobs.command("run")
@click.argument("name", type=click.Choice(list(JOBS)))
@config_option
@plain_errors
def run_command(name: str, config_file: Path) -> None:
    """Do a job now, in this process. Exit code 1: it failed, or it is going on already."""
    config = load_config(config_file)
    engine = prepared(config)
    channels = channels_of({c.id: make_sender(c).addressed for c in config.channel}, {})
    context = JobContext(engine, config, wall_clock, channels=channels)
    outcome = Runner(context, Metrics()).run_now(name)
    if outcome is None:
        raise click.ClickException(f"{name} is going on already")
    with read(engine) as connection:
        click.echo(f"{name}: {outcome}: {last_runs(connection)[name].detail}", err=outcome != "done")
    sys.exit(0 if outcome == "done" else 1)
