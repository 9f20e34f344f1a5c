"""Alerts without the way that leads to them."""

from collections.abc import Sequence

from sqlalchemy import Engine

from stillcold_core.detect.findings import Finding, Severity
from stillcold_server.alerts.pipeline import take
from stillcold_server.duty.escalation import page_by
from stillcold_server.duty.reach import Channels
from stillcold_server.store.database import write


def found(began: float = 100.0, line: str = "f1", point: str = "p1", severity: Severity = "critical") -> Finding:
    """A restart of a line; times in s."""
    figures: dict[str, float | str] = {"active_power": 9e3, "limit": 7.5e3}
    return Finding("restart.power", severity, "kc-017", line, point, began, began + 6, "active_power 9 kW", figures)


def raise_alert(engine: Engine, channels: Sequence[str], now: int = 0, finding: Finding | None = None) -> None:
    """Raise an alert at ``now`` (ms)."""
    with write(engine) as connection:
        assert take(connection, finding or found(), now, page_by(Channels(channels, ())))
