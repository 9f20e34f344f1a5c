"""In which order people are called for an alert, and how often. Pure, but for loading and saving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import Connection, select

from stillcold_server.store.schema import policy_step

Target = Literal["first", "second", "supervisor"]
TARGETS: tuple[Target, ...] = get_args(Target)
SEVERITIES = ("critical", "warning", "info")
MOST_STEPS, MOST_TIMES, MOST_MINUTES = 6, 10, 240


class BadPolicy(ValueError):
    """A policy that would call nobody, or for ever."""


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody is called so many times, with so many minutes after each."""

    target: Target
    times: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Call:
    """One page of an escalation."""

    target: Target
    wait_ms: int
    """Until the next call, unless somebody acknowledges."""


DEFAULTS: Mapping[str, Sequence[Step]] = {
    "critical": (Step("first", 3, 5), Step("second", 2, 5), Step("supervisor", 3, 10)),
    "warning": (Step("first", 2, 15), Step("second", 1, 15), Step("supervisor", 1, 30)),
    "info": (Step("first", 1, 60),),
}
"""Where nothing else was decided: 15 minutes to the second, 25 to the supervisor of a restart. An officer who sleeps
needs some calls to wake, and a furnace's first heat is over within the hour."""


def calls_of(steps: Sequence[Step]) -> list[Call]:
    """The pages of a policy, in order.

    Examples
    --------
    >>> [(c.target, c.wait_ms) for c in calls_of([Step("first", 2, 5), Step("second", 1, 10)])]
    [('first', 300000), ('first', 300000), ('second', 600000)]
    """
    return [Call(s.target, s.minutes * 60_000) for s in steps for _ in range(s.times)]


def load_policy(connection: Connection) -> dict[str, Sequence[Step]]:
    """The steps of every severity."""
    rows = connection.execute(select(policy_step).order_by(policy_step.c.position)).all()
    decided = {s: [Step(r.target, r.times, r.minutes) for r in rows if r.severity == s] for s in SEVERITIES}
    return {severity: steps or DEFAULTS[severity] for severity, steps in decided.items()}


def save_policy(connection: Connection, severity: str, steps: Sequence[Step]) -> None:
    """Decide the steps of a severity; an empty list brings the defaults back.

    Raises
    ------
    BadPolicy
    """
    if len(steps) > MOST_STEPS:
        raise BadPolicy(f"expected at most {MOST_STEPS} steps, got {len(steps)}")
    for step in steps:
        if not 1 <= step.times <= MOST_TIMES or not 1 <= step.minutes <= MOST_MINUTES:
            raise BadPolicy(
                f"expected 1 to {MOST_TIMES} calls with 1 to {MOST_MINUTES} minutes after each, "
                f"got {step.times} calls with {step.minutes} minutes"
            )
    connection.execute(policy_step.delete().where(policy_step.c.severity == severity))
    rows = [
        {"severity": severity, "position": i, "target": s.target, "times": s.times, "minutes": s.minutes}
        for i, s in enumerate(steps)
    ]
    if rows:
        connection.execute(policy_step.insert(), rows)
