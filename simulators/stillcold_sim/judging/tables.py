"""Scores and checks as tables for a terminal."""

from typing import Literal

from rich.table import Table

from stillcold_sim.clock import iso
from stillcold_sim.judging.check import Checked
from stillcold_sim.judging.score import Score, samples


def score_table(score: Score) -> Table:
    """What was done and what became of it, then the false alerts."""
    table = Table(title=summary(score))
    for heading in ("line", "what", "UTC", "alerts", "delay", "samples", ""):
        justify: Literal["right", "left"] = "right" if heading in {"delay", "samples"} else "left"
        table.add_column(heading, justify=justify, no_wrap=heading == "UTC")
    for o in score.outcomes:
        number = samples(o.delay, score.interval)
        table.add_row(
            ", ".join(o.cause.lines),
            o.cause.episode.what,
            _moment(o.cause.episode.began),
            "\n".join(o.kinds),
            _s(o.delay),
            "" if number is None else str(number),
            o.verdict,
        )
    for alert in score.false:
        table.add_row(alert.line, "", _moment(alert.detected), alert.kind, "", "", "false")
    return table


def summary(score: Score) -> str:
    """In one line."""
    recall = "nothing had to be found" if score.recall is None else f"recall {score.recall:.0%}"
    return f"found {score.count('found')}, missed {score.count('missed')}, {recall}, false alerts {len(score.false)}"


def check_table(checked: Checked) -> Table:
    """The alerts beside those expected."""
    lasted, took = checked.played.lasted, checked.took
    table = Table(title=f"{checked.name}: {lasted:.0f} s in {took:.1f} s ({lasted / took:.0f} times as fast)")
    for heading in ("line", "alert", "at", "delay", "samples", ""):
        table.add_column(heading, justify="right" if heading in {"at", "delay", "samples"} else "left")
    for row in checked.rows:
        number = samples(row.delay, checked.score.interval)
        table.add_row(
            row.line,
            row.kind or "none",
            _s(row.at),
            _s(row.delay),
            "" if number is None else str(number),
            row.verdict,
        )
    return table


def _moment(wall: float) -> str:
    return iso(wall)[:19].replace("T", " ")


def _s(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
