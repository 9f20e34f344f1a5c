"""What happens to a new alert before somebody is told, as a visible list of stages.

Each stage may hold a delivery back, and says why by a stable word: an officer, a test and a log line read the same one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from stillcold_core.detect.findings import Finding
from stillcold_server.alerts.claims import waiting_row
from stillcold_server.registry.ledger import permits_of
from stillcold_server.store.schema import alert, delivery

JOIN_MS = 600_000
"""A further alert of an open incident tells nobody again within this time of the last message about it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A new alert, as the stages see it."""

    finding: Finding
    incident: str
    now: int
    """ms"""


Stage = Callable[[Connection, Situation], str | None]


def permitted(connection: Connection, situation: Situation) -> str | None:
    """``permit``: it is activity that was approved for the time at which it began."""
    found = situation.finding
    settled = any(p.settles(found.kind, found.began) for p in permits_of(connection, found.line))
    return "permit" if settled else None


def joined(connection: Connection, situation: Situation) -> str | None:
    """``joined_incident``: somebody was told of the same incident a moment ago."""
    told = (
        select(func.max(alert.c.raised_at))
        .join(delivery, delivery.c.alert == alert.c.id)
        .where(alert.c.incident == situation.incident, delivery.c.state != "skipped")
    )
    last = connection.scalar(told)
    return "joined_incident" if last is not None and situation.now - last < JOIN_MS else None


STAGES: Sequence[Stage] = (permitted, joined)


def enqueue(connection: Connection, situation: Situation, channels: Sequence[str]) -> str | None:
    """Put one delivery a channel into the outbox, in the transaction that raises the alert.

    Returns
    -------
    str or None
        Why nobody is told, or None.
    """
    reason = next((r for stage in STAGES if (r := stage(connection, situation))), None)
    kept = {"state": "skipped", "detail": reason} if reason else {}
    rows = [waiting_row(situation.finding.id, 0, channel, situation.now, **kept) for channel in channels]
    if rows:
        connection.execute(delivery.insert(), rows)
    return reason
