"""Alerts beside what a scenario expects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stillcold_sim.judging.alerts import Alert
from stillcold_sim.scenario import Expect, Scenario, seconds


@dataclass(frozen=True, slots=True)
class Row:
    """One alert that came or should have come, or a line that had to stay quiet and did.

    Attributes
    ----------
    line, kind : str
        Of the alert; no kind of a quiet line.
    at : float, optional
        Simulated s of the alert; None where there is none.
    delay : float, optional
        s from the moment that the scenario names to the alert; None where it names none.
    verdict : str
        ``ok``, ``late``, ``early``, ``missing`` or ``unexpected``.
    """

    line: str
    kind: str
    at: float | None
    delay: float | None
    verdict: str


def compare(scenario: Scenario, began: float, alerts: Sequence[Alert]) -> list[Row]:
    """Compare alerts with a scenario's ``[[expect]]``.

    A line that the scenario does not name may say anything.

    Parameters
    ----------
    scenario : Scenario
        What was played.
    began : float
        UTC of its beginning.
    alerts : sequence of Alert
        In order of detection.
    """
    rows: list[Row] = []
    for line in dict.fromkeys(e.line for e in scenario.file.expect):
        expects = [e for e in scenario.file.expect if e.line == line]
        mine = [a for a in alerts if a.line == line]
        found = [row for e in expects for row in _required(e, began, mine)]
        known = {kind for e in expects for kind in (*e.kinds, *e.may)}
        found += [Row(line, a.kind, a.detected - began, None, "unexpected") for a in mine if a.kind not in known]
        rows += found or [Row(line, "", None, None, "ok")]
    return rows


def _required(expect: Expect, began: float, alerts: Sequence[Alert]) -> Iterator[Row]:
    at = seconds(expect.at)
    for kind in expect.kinds:
        delays = [a.detected - began - at for a in alerts if a.kind == kind]
        timely = [d for d in delays if 0 <= d <= seconds(expect.within)]
        delay = next(iter(timely or sorted(delays, reverse=True)), None)
        yield Row(expect.line, kind, None if delay is None else at + delay, delay, _verdict(delay, expect))


def _verdict(delay: float | None, expect: Expect) -> str:
    if delay is None:
        return "missing"
    return "early" if delay < 0 else "late" if delay > seconds(expect.within) else "ok"
