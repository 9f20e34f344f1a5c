"""Alerts of one incident together: an officer acts on a line, not on each way in which it shows life."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from stillcold_server.alerts.lifecycle import WAITING, acknowledge, reset
from stillcold_server.alerts.stages import SEVERITIES
from stillcold_server.api.models.alerts import Alert, AlertState
from stillcold_server.api.read.alerts import Wanted, list_alerts
from stillcold_server.people.scope import Scope

_WORST: tuple[AlertState, ...] = ("unacknowledged", "returned", "acknowledged", "latched", "normal")
_ALL = 1000


@dataclass(frozen=True, slots=True)
class Incident:
    """What a line has shown.

    Attributes
    ----------
    id : str
        The incident's.
    alerts : sequence of Alert
        In the order in which they were detected.
    """

    id: str
    alerts: Sequence[Alert]

    @property
    def shown(self) -> Sequence[Alert]:
        """Those that nothing hides; all of them where everything is hidden."""
        return [a for a in self.alerts if a.flag is None] or self.alerts

    @property
    def hidden(self) -> bool:
        """Whether all of it is hidden."""
        return all(a.flag is not None for a in self.alerts)

    @property
    def head(self) -> Alert:
        """The alert that stands for it: the first of the highest severity."""
        return min(self.shown, key=lambda a: SEVERITIES.index(a.severity))

    @property
    def state(self) -> AlertState:
        """The state that asks most of an officer."""
        return min((a.state for a in self.shown), key=_WORST.index)

    @property
    def waiting(self) -> bool:
        """Whether somebody must acknowledge it."""
        return self.state in WAITING

    @property
    def resettable(self) -> bool:
        """Whether all of it is over and acknowledged."""
        return self.state == "latched"

    @property
    def began(self) -> int:
        """ms"""
        return min(a.began for a in self.alerts)

    @property
    def ended(self) -> int | None:
        """ms; None while any of it goes on."""
        ends = [a.ended for a in self.alerts]
        return None if None in ends else max(e for e in ends if e is not None)

    @property
    def acknowledged(self) -> Alert | None:
        """The alert that was acknowledged last."""
        done = [a for a in self.alerts if a.acknowledged_at is not None]
        return max(done, key=lambda a: a.acknowledged_at or 0, default=None)


def group(alerts: Iterable[Alert]) -> list[Incident]:
    """Incidents of alerts: the highest severity first, then the newest."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        found.setdefault(alert.incident, []).append(alert)
    # The alert that opened the incident, and gave it its name, stands before others of the same moment.
    for members in found.values():
        members.sort(key=lambda a: (a.detected, a.id != a.incident))
    incidents = [Incident(name, members) for name, members in found.items()]
    return sorted(incidents, key=lambda i: (SEVERITIES.index(i.head.severity), -i.head.detected))


def load_incident(connection: Connection, scope: Scope, incident: str) -> Incident | None:
    """One incident with all its alerts."""
    alerts = list_alerts(connection, scope, Wanted(incident=incident), _ALL)
    return group(alerts)[0] if alerts else None


def acknowledge_all(connection: Connection, incident: Incident, *, actor: str, note: str, now: int) -> None:
    """Acknowledge what is shown and waits in an incident; nothing happens where somebody else was faster."""
    for alert in incident.alerts:
        if alert.state in WAITING and alert.flag is None:
            acknowledge(connection, alert.id, actor=actor, note=note, now=now)


def reset_all(connection: Connection, incident: Incident, *, actor: str, note: str, now: int) -> None:
    """Reset what is latched in an incident that is over as a whole; nothing happens otherwise."""
    if incident.resettable:
        for alert in incident.alerts:
            if alert.state == "latched":
                reset(connection, alert.id, actor=actor, note=note, now=now)
