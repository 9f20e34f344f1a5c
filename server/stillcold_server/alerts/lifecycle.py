"""The life of an alert after ISA-18.2 / IEC 62682, each transition written to an append-only journal.

::

    AlertError (Exception)
    ├── UnknownAlert          there is no such alert
    └── NotAllowed            the alert's state does not allow it; ``reason`` is a stable word

States: ``unacknowledged`` → ``acknowledged`` or ``returned`` (over, but nobody has looked) → ``latched`` (over and
acknowledged; a restart that has stopped is still an offence and waits for a reset) → ``normal``.

What holds an alert back (:mod:`stillcold_server.alerts.stages`) stands beside its state and not in it: a hidden alert
goes through the same states. Only what is over while it was hidden asks nobody to look: it is ``normal``, unless its
kind latches and nobody has approved it.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, update

from stillcold_core.detect.findings import Finding
from stillcold_server.store.schema import alert, alert_journal, incident

OPEN = ("unacknowledged", "acknowledged", "returned", "latched")
WAITING = ("unacknowledged", "returned")
"""States in which nobody has taken the alert up."""
SYSTEM = "system"
APPROVED = "permit"
"""Why an alert is held that was approved beforehand."""
_LATCHED_FAMILIES = ("restart", "furnace")


class AlertError(Exception):
    """What can be wrong with a request about an alert."""


class UnknownAlert(AlertError):
    """There is no such alert."""


class NotAllowed(AlertError):
    """The alert's state does not allow it. Reasons: ``already_acknowledged``, ``still_active``, ``not_acknowledged``,
    ``closed``; of shelving and service ``hidden``, ``not_shelved``, ``in_service``, ``past``, ``too_long``.
    """

    def __init__(self, reason: str, state: str) -> None:
        self.reason = reason
        super().__init__(f"not allowed while the alert is {state}: {reason}")


def record(connection: Connection, finding: Finding, now: int) -> str | None:
    """Take a finding, its progress or its end into the alerts.

    Progress brings the newest reason and figures, and those that it does not name stay. It is no transition: it pages
    nobody and the journal keeps what was said when the alert was raised.

    Parameters
    ----------
    finding : Finding
        Its id is the alert's: taking it twice changes nothing.
    now : int
        ms

    Returns
    -------
    str or None
        The incident that a new alert has joined or opened; None where the alert is known.
    """
    known = connection.execute(select(alert).where(alert.c.id == finding.id)).one_or_none()
    joined = _raise(connection, finding, now) if known is None else None
    if finding.ended is not None and (known is None or known.ended is None):
        _end(connection, finding, now)
    elif known is not None and known.ended is None:
        _follow(connection, finding, known.evidence)
    return joined


def findings_of(connection: Connection, lines: Collection[str]) -> list[Finding]:
    """What the alerts of some lines say."""
    return _findings(connection, alert.c.line.in_(lines)) if lines else []


def going_on(connection: Connection) -> list[Finding]:
    """What the alerts say whose end nobody has found yet."""
    return _findings(connection, alert.c.ended.is_(None))


def acknowledge(connection: Connection, alert_id: str, *, actor: str, note: str, now: int) -> None:
    """Somebody has taken the alert up.

    Raises
    ------
    UnknownAlert, NotAllowed
    """
    row = find(connection, alert_id)
    if row.state not in WAITING:
        raise NotAllowed("closed" if row.state == "normal" else "already_acknowledged", row.state)
    ended = row.state == "returned"
    state = "acknowledged" if not ended else "latched" if latches(row.kind) else "normal"
    values = {"acknowledged_by": actor, "acknowledged_at": now}
    move(connection, row, state, "acknowledge", actor=actor, reason="officer", note=note, now=now, **values)


def reset(connection: Connection, alert_id: str, *, actor: str, note: str, now: int) -> None:
    """Close a latched alert, after somebody has looked at the line.

    Raises
    ------
    UnknownAlert, NotAllowed
    """
    row = find(connection, alert_id)
    refusals = {
        "unacknowledged": "not_acknowledged",
        "returned": "not_acknowledged",
        "acknowledged": "still_active",
        "normal": "closed",
    }
    if row.state in refusals:
        raise NotAllowed(refusals[row.state], row.state)
    move(connection, row, "normal", "reset", actor=actor, reason="officer", note=note, now=now)


def latches(kind: str) -> bool:
    """Whether an alert of this kind stays until somebody resets it."""
    return kind.split(".", maxsplit=1)[0] in _LATCHED_FAMILIES


def when_over(kind: str, state: str, held: str) -> str:
    """The state of an alert once it is over.

    Parameters
    ----------
    kind, state : str
        Its kind, and its state before.
    held : str
        Why it is held back; empty where it is not.

    Examples
    --------
    >>> when_over("restart.power", "acknowledged", ""), when_over("restart.power", "unacknowledged", "permit")
    ('latched', 'normal')
    >>> when_over("silence.point", "unacknowledged", ""), when_over("silence.point", "unacknowledged", "gateway_silent")
    ('returned', 'normal')
    """
    if held and (held == APPROVED or not latches(kind)):
        return "normal"
    after = {"unacknowledged": "returned", "acknowledged": "latched" if latches(kind) else "normal"}
    return after.get(state, state)


def find(connection: Connection, alert_id: str) -> Row[Any]:
    """The row of an alert, which nobody else changes until the transaction ends.

    Raises
    ------
    UnknownAlert
    """
    row = connection.execute(select(alert).where(alert.c.id == alert_id).with_for_update()).one_or_none()
    if row is None:
        raise UnknownAlert(alert_id)
    return row


def move(
    connection: Connection, row: Row[Any], state: str, transition: str, *,
    actor: str, reason: str, note: str, now: int, **values: Any,
) -> None:  # fmt: skip
    """Bring an alert into a state, write the transition down, and close the incident with its last alert.

    Parameters
    ----------
    row : Row
        Of :func:`find`.
    transition, actor, reason, note : str
        For the journal.
    now : int
        ms
    values
        Other columns of the alert.
    """
    connection.execute(update(alert).where(alert.c.id == row.id).values(state=state, **values))
    write_entry(connection, row.id, transition, actor=actor, reason=reason, note=note, now=now)
    if state == "normal" and not connection.scalar(
        select(alert.c.id).where(alert.c.incident == row.incident, alert.c.state != "normal").limit(1)
    ):
        connection.execute(update(incident).where(incident.c.id == row.incident).values(closed_at=now))


def write_entry(
    connection: Connection, alert_id: str, transition: str, *, actor: str, reason: str, note: str, now: int
) -> None:
    """Add to an alert's journal; ``now`` in ms."""
    entry = {"alert": alert_id, "at": now, "actor": actor, "transition": transition, "reason": reason, "note": note}
    connection.execute(alert_journal.insert(), entry)


def _findings(connection: Connection, which: ColumnElement[bool]) -> list[Finding]:
    return [
        Finding(
            r.kind, r.severity, r.site, r.line, r.point, r.began / 1000, r.detected / 1000, r.reason, r.evidence,
            None if r.ended is None else r.ended / 1000,
        )
        for r in connection.execute(select(alert).where(which).order_by(alert.c.id))
    ]  # fmt: skip


def _raise(connection: Connection, finding: Finding, now: int) -> str:
    joined = _incident(connection, finding, now)
    row = {
        "id": finding.id, "incident": joined, "kind": finding.kind,
        "severity": finding.severity, "site": finding.site, "line": finding.line, "point": finding.point,
        "began": _ms(finding.began), "detected": _ms(finding.detected), "ended": None, "raised_at": now,
        "reason": finding.reason, "evidence": dict(finding.evidence), "state": "unacknowledged",
        "stage": "", "held_why": "",
    }  # fmt: skip
    connection.execute(alert.insert(), row)
    write_entry(connection, finding.id, "raise", actor=SYSTEM, reason=finding.kind, note=finding.reason, now=now)
    return joined


def _follow(connection: Connection, finding: Finding, known: Mapping[str, float | str]) -> None:
    values = {"reason": finding.reason, "evidence": {**known, **finding.evidence}}
    connection.execute(update(alert).where(alert.c.id == finding.id).values(values))


def _end(connection: Connection, finding: Finding, now: int) -> None:
    row = find(connection, finding.id)
    ended = _ms(finding.ended or finding.detected)
    move(
        connection, row, when_over(row.kind, row.state, row.held_why), "end",
        actor=SYSTEM, reason=finding.kind, note=finding.reason, now=now, ended=ended,
    )  # fmt: skip


def _incident(connection: Connection, finding: Finding, now: int) -> str:
    """The line's open incident, or a new one that takes the name of its first alert."""
    found = connection.scalar(
        select(incident.c.id).where(incident.c.line == finding.line, incident.c.closed_at.is_(None))
    )
    if found is None:
        found = finding.id
        connection.execute(incident.insert(), {"id": found, "line": finding.line, "opened_at": now})
    return found


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
