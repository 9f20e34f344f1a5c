"""``stillcold-sim run``, ``check`` and ``score``."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click
from rich.console import Console

from stillcold_core.files import BadFile
from stillcold_core.registry import load_registry
from stillcold_sim.judging.alerts import load_alerts
from stillcold_sim.judging.check import Checked, ScanFailed, check
from stillcold_sim.judging.offline import play
from stillcold_sim.judging.score import score
from stillcold_sim.judging.tables import check_table, score_table
from stillcold_sim.judging.truth import load_truth
from stillcold_sim.scenario import find_scenario, load_scenario, scenario_names, seconds

P = ParamSpec("P")
_FILE = click.Path(path_type=Path, dir_okay=False)
_seed = click.option("--seed", type=click.IntRange(min=0), help="Seed of the random numbers.")
_interval = click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    help="Seconds between two readings of a meter, instead of the scenario's.",
)
_duration = click.option(
    "--duration", type=click.FloatRange(min=0, min_open=True), help="Seconds to play, instead of the scenario's."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")


class _Moment(click.ParamType[datetime]):
    """A time as ISO 8601 with its offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("expected ISO 8601, e.g. 2026-03-02T00:00:00+08:00", param, ctx)
        if moment.tzinfo is None:
            self.fail("expected an offset, e.g. 2026-03-02T00:00:00+08:00", param, ctx)
        return moment


def _plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Show what cannot be used as one line and end with 2, what cannot be written or run with 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BadFile as error:
            click.echo(error, err=True)
            sys.exit(2)
        except (OSError, ScanFailed) as error:
            click.echo(error, err=True)
            sys.exit(1)

    return run


@click.command("run")
@click.argument("scenario")
@click.option("--measurements", "-m", type=_FILE, required=True, help="CSV file to write, for `stillcold-server scan`.")
@click.option("--truth", "-t", type=_FILE, help="Write what is played to this file, JSON lines.")
@_interval
@_duration
@click.option("--begin", type=_Moment(), help="Time of the first reading, ISO 8601 with its offset.")
@_seed
@_plain_errors
def run_command(
    scenario: str,
    measurements: Path,
    truth: Path | None,
    interval: float | None,
    duration: float | None,
    begin: datetime | None,
    seed: int | None,
) -> None:
    """Play SCENARIO as fast as possible, without Modbus, into a file of measurements."""
    path = find_scenario(scenario)
    loaded = load_scenario(path)
    if duration is None and not seconds(loaded.file.duration):
        raise BadFile(path, "missing; say --duration, or it would never end", field="duration")
    started = time.monotonic()
    began = begin.timestamp() if begin else None
    every = interval or loaded.file.interval
    played = play(loaded, measurements, truth, interval=every, began=began, seed=seed, duration=duration)
    took = time.monotonic() - started
    click.echo(
        f"{played.samples} readings of {len(loaded.meters)} meters, {played.lasted:.0f} s in {took:.1f} s "
        f"({played.lasted / took:.0f} times as fast)"
    )


@click.command("check")
@click.argument("scenarios", nargs=-1)
@click.option("--family", help="Check the shipped scenarios of this family too; `stillcold-sim list` shows them.")
@_interval
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep measurements, truth and alerts in this folder.",
)
@_duration
@_seed
@_json
@_plain_errors
def check_command(
    scenarios: tuple[str, ...],
    family: str | None,
    interval: float | None,
    keep: Path | None,
    duration: float | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Play SCENARIOS, have `stillcold-server scan` judge them, and compare with what they expect.

    Exit code 0 when every expected alert came in time and no other on the lines that are named, else 1.
    """
    paths = [find_scenario(name) for name in (*scenarios, *(scenario_names(family) if family else ()))]
    if not paths:
        raise click.UsageError("expected scenarios, or a --family that ships with Stillcold")
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = [check(path, folder, interval=interval, duration=duration, seed=seed) for path in paths]
    if as_json:
        click.echo(json.dumps([_report(r) for r in results], ensure_ascii=False, indent=1))
    else:
        _show_checks(results)
    sys.exit(0 if all(r.passed for r in results) else 1)


@click.command("score")
@click.argument("truth", type=_FILE)
@click.argument("alerts", type=_FILE)
@click.option("--registry", "-r", type=_FILE, help="Says which point is on which line, and which lines are sealed.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds after the end of an event in which an alert may still begin for it.",
)
@_json
@_plain_errors
def score_command(truth: Path, alerts: Path, registry: Path | None, grace: float, as_json: bool) -> None:
    """Compare the ALERTS of a server with the TRUTH that was played.

    Exit code 0 when every event was found and no alert is false, else 1.
    """
    result = score(load_truth(truth), load_alerts(alerts), load_registry(registry) if registry else None, grace)
    if as_json:
        click.echo(json.dumps(result.report(), ensure_ascii=False, indent=1))
    else:
        Console().print(score_table(result))
    sys.exit(0 if result.good else 1)


def _show_checks(results: list[Checked]) -> None:
    console = Console()
    for result in results:
        console.print(check_table(result))
    failed = [r.name for r in results if not r.passed]
    console.print(
        f"{len(results) - len(failed)} of {len(results)} as expected" + "".join(f"\nnot: {n}" for n in failed)
    )


def _report(checked: Checked) -> dict[str, Any]:
    return {
        "scenario": checked.name,
        "passed": checked.passed,
        "lasted": checked.played.lasted,
        "took": round(checked.took, 3),
        "rows": [
            {"line": r.line, "kind": r.kind, "at": r.at, "delay": r.delay, "verdict": r.verdict} for r in checked.rows
        ],
        "score": checked.score.report(),
    }
