"""The benchmark of detection: ``make bench-detect``; ``ARGS=--write`` puts its tables and plots into ``docs/``."""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numba

from bench.detect import cold, furnaces, recordings, restarts, tampers
from bench.detect.speed import speeds
from bench.detect.tables import report
from bench.detect.trace import Trace
from stillcold_core.detect.kernels import compile_kernels
from support.splits import Split, sites

ROOT = Path(__file__).parents[3]
PAGE, FIGURES = ROOT / "docs" / "detection-benchmark.md", ROOT / "docs" / "figures" / "detection"
BEGIN, END = "<!-- written by make bench-detect -->", "<!-- end of what is written -->"


class Job(NamedTuple):
    """One site that is played and judged."""

    run: Callable[[str, str, str, int], Iterator[Trace]]
    kind: str
    name: str
    split: str
    number: int


def jobs(size: int) -> list[Job]:
    """All of them, the longest first."""
    test = {n: sites("test", n * size) for n in (1, 2, 5, 10, 16)}
    calibrate = sites("calibrate", size)
    legal, hidden = [k for k in furnaces.SIMULATED if k[0] == "legal"], furnaces.HIDDEN
    plan: list[tuple[Callable[[str, str, str, int], Iterator[Trace]], list[tuple[str, str]], Split, range]] = [
        (tampers.honest, [("", "")], "test", test[1]),
        (furnaces.simulated, furnaces.SIMULATED, "test", test[1]),
        (furnaces.simulated, furnaces.SIMULATED, "calibrate", calibrate),
        (furnaces.compared, legal, "test", test[5][size:]),
        (furnaces.compared, hidden, "test", test[16][size:]),
        (furnaces.simulated, furnaces.LINE, "test", test[1]),
        (tampers.evaded, [(kind, "") for kind in tampers.EVASIONS], "test", test[1]),
        (cold.evaded, cold.EVASIONS, "test", sites("test", 1)),
        (cold.lit, cold.FURNACES, "test", test[1]),
        (furnaces.by_power, furnaces.PROFILES, "calibrate", calibrate),
        (furnaces.by_power, furnaces.PROFILES, "test", test[2]),
        (restarts.dead, [("", "")], "calibrate", calibrate),
        (restarts.dead, [("", "")], "test", test[2]),
        (restarts.restarted, list(restarts.JOBS), "test", test[5]),
        (cold.live, [("", "")], "test", test[10]),
    ]
    return [
        Job(run, kind, name, split, n) for run, kinds, split, numbers in plan for kind, name in kinds for n in numbers
    ]


def run(job: Job) -> tuple[str, list[Trace]]:
    """The traces of one job, and under what they are kept."""
    group = "cold" if job.run.__module__.endswith("cold") else "main"
    return group, list(job.run(job.kind, job.name, job.split, job.number))


def measured(size: int) -> dict[str, list[Trace]]:
    """All traces, in an order that does not depend on which worker was faster."""
    found: dict[str, list[Trace]] = {"main": [], "cold": []}
    with multiprocessing.get_context("fork").Pool(int(os.environ.get("STILLCOLD_WORKERS", "2"))) as pool:
        for group, traces in pool.imap(run, jobs(size), chunksize=1):
            found[group] += traces
    found["real"] = list(recordings.traces())
    return found


def write(text: str, found: dict[str, list[Trace]], speed: dict[str, float]) -> None:
    """Into the documents: tables, the traces' summary, plots."""
    from bench.detect.plots import draw

    FIGURES.mkdir(parents=True, exist_ok=True)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
    draw(found, speed, FIGURES)


def main() -> None:
    """Measure, print, and write where that was asked for."""
    parser = argparse.ArgumentParser(prog="make bench-detect", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put tables and plots into docs/")
    parser.add_argument("--json", type=Path, help="write all traces to this file")
    options = parser.parse_args()
    size, begun = int(os.environ.get("STILLCOLD_SITES", "1")), time.monotonic()
    compile_kernels(numba.njit(cache=True))  # the workers inherit it
    speed = speeds()
    found = measured(size)
    text = report(found, speed)
    print(text)
    print(f"\n{time.monotonic() - begun:.0f} s, {sum(map(len, found.values()))} streams judged")
    if options.json:
        traces = {group: [asdict(t) for t in of_one] for group, of_one in found.items()}
        options.json.write_text(json.dumps(traces), encoding="utf-8")
    if options.write:
        write(text, found, speed)


if __name__ == "__main__":
    main()
