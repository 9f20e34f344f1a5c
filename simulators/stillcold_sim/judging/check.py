"""A scenario as a test: played, scanned by the server's detection, compared with what it expects."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stillcold_core.files import BadFile
from stillcold_sim.judging.alerts import load_alerts
from stillcold_sim.judging.expected import Row, compare
from stillcold_sim.judging.offline import Played, play
from stillcold_sim.judging.score import Score, score
from stillcold_sim.judging.truth import load_truth
from stillcold_sim.scenario import load_scenario

T = TypeVar("T")
Scan = Callable[[Path, Path, Path], object]
"""Judges measurements: called with the registry, the measurements and the file that the alerts go to."""


class ScanFailed(Exception):
    """``stillcold-server scan`` is not there or did not end well."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A scenario that was checked.

    Attributes
    ----------
    name : str
        The scenario's.
    played : Played
        What was played.
    took : float
        s of real time, playing and scanning.
    rows : list of Row
        The alerts beside those expected.
    score : Score
        The alerts beside the truth.
    """

    name: str
    played: Played
    took: float
    rows: list[Row]
    score: Score

    @property
    def passed(self) -> bool:
        """Whether every expected alert came in time, and no other."""
        return all(row.verdict == "ok" for row in self.rows)


def scan(registry: Path, measurements: Path, alerts: Path) -> None:
    """Run the server's detection over measurements.

    Raises
    ------
    ScanFailed
        When the program is missing or does not end with 0.
    """
    _run([_server(), "scan", "-r", str(registry), "-m", str(measurements), "-o", str(alerts)])


def check(
    path: Path,
    folder: Path,
    *,
    interval: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    scan: Scan = scan,
) -> Checked:
    """Play a scenario, have it scanned, and compare.

    Parameters
    ----------
    path : Path
        The scenario file.
    folder : Path
        Where measurements, truth and alerts are put, named after the scenario.
    interval, duration, seed : optional
        Instead of the scenario's.
    scan : callable
        What judges; the program ``stillcold-server scan`` unless it is at hand in this process.

    Raises
    ------
    BadFile
        When the scenario does not fit, or is no test: without a registry, an end or an ``[[expect]]``.
    ScanFailed
        When the server's detection cannot be run.
    """
    scenario = load_scenario(path)
    registry = path.parent / _needed(path, scenario.file.registry, "registry")
    _needed(path, duration or scenario.file.duration, "duration")
    _needed(path, scenario.file.expect, "expect")
    measurements, truth, alerts = (
        folder / f"{scenario.file.name}.{end}" for end in ("csv", "truth.jsonl", "alerts.jsonl")
    )
    begin = time.monotonic()
    every = interval or scenario.file.interval
    played = play(scenario, measurements, truth, interval=every, duration=duration, seed=seed)
    scan(registry, measurements, alerts)
    took = time.monotonic() - begin
    said = load_alerts(alerts)
    return Checked(
        scenario.file.name,
        played,
        took,
        compare(scenario, played.began, said),
        score(load_truth(truth), said, scenario.registry),
    )


def _server() -> str:
    name = "stillcold-server"
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise ScanFailed(f"{name} is not installed here; install it beside stillcold-sim to check scenarios")
    return found


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScanFailed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")


def _needed(path: Path, value: T | None, field: str) -> T:
    if not value:
        raise BadFile(path, "missing; a scenario that is checked needs it", field=field)
    return value
