"""The benchmark of the agent: ``make bench-agent``; ``ARGS=--write`` puts its tables into ``docs/``."""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import TypeVar

from bench.agent.contestant import ROOT, Contestant
from bench.agent.measure import Durations, absence, rush, steady
from bench.agent.modpoll import Modpoll
from bench.agent.node_red import NodeRed
from bench.agent.plant import compiled
from bench.agent.stillcold import Stillcold
from bench.agent.tables import Found, report
from bench.agent.thingsboard import ThingsBoard

PAGE = ROOT / "docs" / "agent-benchmark.md"
CACHE = ROOT / "run" / "agent-benchmark"
BEGIN, END = "<!-- written by make bench-agent -->", "<!-- end of what is written -->"
CONTESTANTS: Sequence[type[Contestant]] = (Stillcold, NodeRed, ThingsBoard, Modpoll)
T = TypeVar("T")


def main() -> None:
    """Measure, print, and write where that was asked for."""
    options = _options()
    CACHE.mkdir(parents=True, exist_ok=True)
    contestants = [c(CACHE) for c in CONTESTANTS if c.name in options.only]
    for contestant in contestants:
        contestant.install()
    durations = Durations(**{f.name: getattr(options, f.name) for f in fields(Durations)})
    begun, before = time.monotonic(), os.getloadavg()[0]
    found = measured(contestants, durations, options.parts)
    took = f"{time.monotonic() - begun:.0f} s on {os.cpu_count()} cores ({platform.machine()})"
    load = f"{took}; load before it {before:.1f}, at its end {os.getloadavg()[0]:.1f}."
    text = report(contestants, found, options.parts, load)
    print(text)
    if options.write:
        _write(text)


def measured(contestants: Sequence[Contestant], durations: Durations, parts: Sequence[str]) -> dict[str, Found]:
    """All parts; what one of them could not do is told in its row."""
    plant, jobs = compiled(CACHE), CACHE / "jobs"
    found = {c.name: Found() for c in contestants}
    for contestant in contestants:
        mine, folder = found[contestant.name], jobs / contestant.name
        if "steady" in parts:
            mine.steady = _tried("steady", mine, partial(steady, contestant, folder, plant, durations))
        if "rush" in parts:
            mine.rush = _tried("rush", mine, partial(rush, contestant, folder, plant, durations))
    if "absence" in parts:
        for name, result in absence(contestants, jobs, plant, durations).items():
            found[name].absence = result
    return found


def _tried(part: str, found: Found, measure: Callable[[], T]) -> T | None:
    try:
        return measure()
    except (TimeoutError, AssertionError, OSError) as error:
        found.failures[part] = f"failed: {str(error).strip().splitlines()[0][:200]}"
        print(f"{part}: {error}")
        return None


def _options() -> argparse.Namespace:
    names = [c.name for c in CONTESTANTS]
    parser = argparse.ArgumentParser(prog="make bench-agent", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="who takes part")
    parts = ["steady", "rush", "absence"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="what is measured")
    for f in fields(Durations):
        parser.add_argument(f"--{f.name}", type=float, default=f.default, help="s (default %(default)s)")
    return parser.parse_args()


def _write(text: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
