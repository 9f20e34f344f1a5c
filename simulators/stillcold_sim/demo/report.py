"""What the demo's story should have given, what it gave, and how fast."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from rich.box import HORIZONTALS
from rich.table import Table

from stillcold_sim.scenario import Expect, Meter, Scenario, seconds

_LONG = 600.0  # s from which on a delay is said in minutes


@dataclass(frozen=True, slots=True)
class Row:
    """One alert that came or should have come, or a line that had to stay quiet."""

    line: str
    happened: str
    kind: str
    delay: float | None
    """s from the moment from which a register could tell to the alert; None where there is no alert."""
    delivered: str
    verdict: str
    """``ok``, ``late``, ``missing`` or ``unexpected``."""


@dataclass(frozen=True, slots=True)
class Part:
    """A scenario of the story.

    Attributes
    ----------
    scenario : Scenario
        What it expects.
    started : float
        Epoch seconds at which it began.
    told : "raised_at" or "detected"
        By which time an alert counts: the server's clock, or, of what had happened before the server knew of it, the
        sample that decided.
    """

    scenario: Scenario
    started: float
    told: Literal["raised_at", "detected"] = "raised_at"


def judge(parts: Sequence[Part], alerts: Sequence[Mapping[str, Any]], conditions: Mapping[str, str]) -> list[Row]:
    """Compare the alerts with the story.

    Parameters
    ----------
    parts : sequence of Part
        The story.
    alerts : sequence of mapping
        As the API gives them.
    conditions : mapping of str to str
        Condition of each line at the end.
    """
    rows: list[Row] = []
    left = list(alerts)
    for part in parts:
        for expect in part.scenario.file.expect:
            mine = [a for a in left if a["line"] == expect.line]
            left = [a for a in left if a["line"] != expect.line]
            rows += _expected(part, expect, mine, conditions.get(expect.line, "unknown"))
    return rows + [Row(a["line"], "", a["kind"], None, _delivered(a, left), "unexpected") for a in left]


def table_of(rows: Sequence[Row]) -> Table:
    """The rows for a terminal; what is the same for all alerts of a line stands beside the first."""
    table = Table(title="What happened, and who was told", box=HORIZONTALS)
    for heading in ("line", "what happened", "alert", "delay", "delivered to", ""):
        table.add_column(heading, justify="right" if heading == "delay" else "left", min_width=_unbroken(heading, rows))
    above = ""
    for row in rows:
        if row.line != above:
            table.add_section()
        of_line = ("", "") if row.line == above else (row.line, row.happened)
        table.add_row(*of_line, row.kind, _said_delay(row.delay), row.delivered, row.verdict)
        above = row.line
    return table


def _expected(part: Part, expect: Expect, alerts: Sequence[Mapping[str, Any]], condition: str) -> Iterator[Row]:
    happened = expect.story or _happened(part.scenario, expect.line)
    speed = part.scenario.file.speed
    at = part.started + seconds(expect.at) / speed
    by_kind = {a["kind"]: a for a in reversed(alerts)}
    for kind in expect.kinds:
        alert = by_kind.pop(kind, None)
        if alert is None:
            yield Row(expect.line, happened, kind, None, "", "missing")
            continue
        delay = _epoch(alert[part.told]) - at
        verdict = "ok" if delay <= seconds(expect.within) / speed else "late"
        yield Row(expect.line, happened, kind, delay, _delivered(alert, alerts), verdict)
    for kind, alert in by_kind.items():
        verdict = "ok" if kind in expect.may else "unexpected"
        yield Row(expect.line, happened, kind, _epoch(alert[part.told]) - at, _delivered(alert, alerts), verdict)
    if not alerts and not expect.kinds:
        yield Row(expect.line, happened, f"none; shown as {condition}", None, "", "ok")


def _unbroken(heading: str, rows: Sequence[Row]) -> int | None:
    """Least width of a column: words that other programs key on, and the verdict, are never broken."""
    words = {"alert": [word for row in rows for word in row.kind.split()], "": [row.verdict for row in rows]}
    return max(map(len, words[heading]), default=0) if heading in words else None


def _said_delay(delay: float | None) -> str:
    if delay is None:
        return ""
    return f"{delay:.1f} s" if delay < _LONG else f"{delay / 60:.0f} min"


def _happened(scenario: Scenario, line: str) -> str:
    registry = scenario.registry
    points = {p.id for p in registry.points_of(line)} if registry else set()
    meters = [m for m in scenario.file.meter if m.point in points]
    ids = {m.id for m in meters}
    words = [f"{e.what} {_span(e.begin, e.end)}" for e in scenario.file.event if e.meter in ids]
    words += [
        f"{f.what} {_span(f.begin, f.end)}"
        for f in scenario.file.fault
        if f.meter in ids or f.port in {m.port for m in meters}
    ]
    return ", ".join(words) or ", ".join(sorted({_load(m) for m in meters}))


def _load(meter: Meter) -> str:
    return str(meter.load.__struct_config__.tag) if meter.load else "replay"


def _span(begin: float, end: float) -> str:
    return f"{begin:.0f}–{end:.0f} s" if end != float("inf") else f"from {begin:.0f} s"


def _delivered(alert: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]]) -> str:
    said = [_said(d, alert, alerts) for d in alert["deliveries"]]
    return ", ".join(dict.fromkeys(said))


def _said(delivery: Mapping[str, Any], alert: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]]) -> str:
    """Who was told; of an alert that joined an incident, the alert by whose message the officer knows of it."""
    if delivery["state"] == "delivered":
        return str(delivery["channel"])
    if delivery["detail"] == "permit":
        return "nobody, it was approved"
    if delivery["detail"] == "joined_incident":
        told = [a for a in alerts if a["incident"] == alert["incident"] and _was_told(a)]
        before = [a for a in told if _epoch(a["raised_at"]) <= _epoch(alert["raised_at"])]
        return f"with {max(before, key=lambda a: _epoch(a['raised_at']))['kind']}"
    return f"{delivery['state']}: {delivery['detail']}" if delivery["detail"] else str(delivery["state"])


def _was_told(alert: Mapping[str, Any]) -> bool:
    return any(d["state"] != "skipped" for d in alert["deliveries"])


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
