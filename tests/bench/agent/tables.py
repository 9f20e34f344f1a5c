"""The benchmark's tables, as Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.agent.contestant import Contestant
from bench.agent.measure import Absence, Rush, Steady


@dataclass
class Found:
    """What was measured of one contestant, and what could not be."""

    steady: Steady | None = None
    rush: Rush | None = None
    absence: Absence | None = None
    failures: dict[str, str] = field(default_factory=dict)


BASELINE = "Node-RED"
"""What ratios are told against: both sides of a ratio felt the same load of the machine."""


def report(contestants: Sequence[Contestant], found: Mapping[str, Found], parts: Sequence[str], load: str) -> str:
    """The tables of the parts that were measured."""
    tables = [load]
    if "steady" in parts:
        head = [
            "",
            "version",
            "CPU s a million values, on one core",
            f"× {BASELINE}",
            "on all",
            f"× {BASELINE}",
            "peak RSS, MB",
            "PSS, MB",
            "load",
            "a message carries",
        ]
        tables += ["## One reading a meter and second", _table(head, [_steady(c, found) for c in contestants])]
        head = ["", "change → message p50 / p99, ms", "first reading → message p50 / p99, ms", "changes", "never came"]
        tables += ["## A register changes", _table(head, [_delays(c, found[c.name]) for c in contestants])]
    if "rush" in parts:
        head = ["", "values read a second", "that arrived", "CPU s a million values", "peak RSS, MB", "load"]
        tables += ["## As fast as it goes", _table(head, [_rush(c, found[c.name]) for c in contestants])]
    if "absence" in parts:
        head = ["", "readings of 20 values", "lost", "came twice", "peak RSS, MB"]
        tables += [
            "## The broker is away for a minute",
            _table(head, [_absence(c, found[c.name]) for c in contestants]),
        ]
    return "\n\n".join(tables)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _steady(contestant: Contestant, found: Mapping[str, Found]) -> Sequence[str]:
    mine, baseline = found[contestant.name].steady, found.get(BASELINE, Found()).steady
    if mine is None:
        return [contestant.name, contestant.version, _why(found[contestant.name], "steady"), *[""] * 7]
    ratios = [f"{mine.alone / baseline.alone:.2f}", f"{mine.cpu / baseline.cpu:.2f}"] if baseline else ["–"] * 2
    figures = [
        f"{mine.alone:.1f}",
        ratios[0],
        f"{mine.cpu:.1f}",
        ratios[1],
        f"{mine.peak:.0f}",
        f"{mine.own:.0f}",
        f"{mine.load:.1f}",
    ]
    return [contestant.name, contestant.version, *figures, contestant.message]


def _delays(contestant: Contestant, found: Found) -> Sequence[str]:
    if found.steady is None:
        return [contestant.name, _why(found, "steady"), "", "", ""]
    delays = [_two(found.steady.change), _two(found.steady.read)]
    return [contestant.name, *delays, str(len(found.steady.change) + found.steady.missed), str(found.steady.missed)]


def _two(delays: Sequence[float]) -> str:
    if len(delays) < 2:
        return "–"
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return f"{cuts[49]:.0f} / {cuts[98]:.0f}"


def _rush(contestant: Contestant, found: Found) -> Sequence[str]:
    if found.rush is None:
        return [contestant.name, _why(found, "rush"), "", "", "", ""]
    mine = found.rush
    figures = [f"{mine.read:,.0f}", f"{mine.arrived:,.0f}", f"{mine.cpu:.1f}", f"{mine.peak:.0f}", f"{mine.load:.1f}"]
    return [contestant.name, *figures]


def _absence(contestant: Contestant, found: Found) -> Sequence[str]:
    if found.absence is None:
        return [contestant.name, _why(found, "absence"), "", "", ""]
    mine = found.absence
    return [contestant.name, f"{mine.read:,}", f"{mine.lost:,}", f"{mine.doubled:,}", f"{mine.peak:.0f}"]


def _why(found: Found, part: str) -> str:
    return found.failures[part]
