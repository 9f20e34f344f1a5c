"""Calling people until somebody acknowledges: what was done is rows, and each step a function of them and the time.

An incident is called for once, by its gravest alert: what joins it is shown (:mod:`stillcold_server.alerts.stages`),
and a graver one goes on in its place.

The first call is put into the outbox by the transaction that raises the alert; a job makes those that
follow. Servers that call on at once do nothing twice: only one of them moves an alert's row on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, update

from stillcold_server.alerts.pipeline import Page, taken_up
from stillcold_server.duty.anybody import call_anybody
from stillcold_server.duty.policy import Call, Step, calls_of, load_policy
from stillcold_server.duty.reach import Channels, call_groups, call_otherwise, call_person, note_uncalled
from stillcold_server.duty.roster import Roster
from stillcold_server.duty.rosters import people_on, roster_for_line
from stillcold_server.store.database import upsert
from stillcold_server.store.schema import alert, delivery, escalation

LONGEST_PAUSE = 30
"""Minutes between two rounds of calls for an alert that has reached nobody, at most."""
_MINUTE = 60_000


def begin(connection: Connection, alert_id: str, channels: Channels, now: int) -> None:
    """Make the first call for an alert: to every group, and to who is on duty where there is a roster.

    Where there is neither a roster nor a group, whoever may act on the alert is called.

    An alert that is told again, because what held it back has ended, begins again. Calls for lesser ones of its
    incident end.

    Parameters
    ----------
    channels : Channels
        Those that are configured.
    now : int
        ms
    """
    _end_lesser(connection, alert_id)
    last = connection.scalar(select(func.max(delivery.c.page)).where(delivery.c.alert == alert_id))
    page = 0 if last is None else last + 1
    told = call_groups(connection, alert_id, page, channels, now)
    line = connection.execute(select(alert.c.line).where(alert.c.id == alert_id)).scalar_one()
    if roster_for_line(connection, line) is not None or (channels.personal and not told):
        row = {"alert": alert_id, "page": page, "step": 0, "due_at": now, "state": "running", "reason": ""}
        upsert(connection, escalation, [row])
        _go_on(connection, alert_id, channels, now, told=told)


def page_by(channels: Channels) -> Page:
    """What tells officers of an alert, where these channels are configured."""
    return lambda connection, alert_id, now: begin(connection, alert_id, channels, now)


def due_alerts(connection: Connection, now: int) -> Sequence[str]:
    """Alerts whose next call is due, the oldest first; reads only."""
    due = _due(now, load_policy(connection))
    return connection.scalars(due.order_by(escalation.c.due_at, escalation.c.alert)).all()


def call_if_due(connection: Connection, alert_id: str, channels: Channels, now: int) -> bool:
    """Make the next call for an alert, unless another server has meanwhile; whether somebody was called."""
    due = _due(now, load_policy(connection)).where(escalation.c.alert == alert_id)
    return connection.scalar(due) is not None and _go_on(connection, alert_id, channels, now)


def failed(connection: Connection, lost: Row[Any], channels: Channels, now: int) -> None:
    """A delivery has failed for good: the person is called otherwise, and where that cannot be the next one at once."""
    if not lost.recipient or lost.alert is None:
        return
    if call_otherwise(connection, lost, channels, now) or _hopeful(connection, lost):
        return
    row = _load(connection, lost.alert)
    if row is None or row.page != lost.page + 1 or row.state == "stopped" or row.step == 0:
        return
    targets = [call.target for call in _calls(connection, row)]
    gone = targets[row.step - 1 : row.step]
    other = next((i for i in range(row.step, len(targets)) if targets[i] not in gone), None)
    if other is not None and row.state == "running":
        if _move(connection, row, step=other, due_at=now):
            _go_on(connection, lost.alert, channels, now)
    elif not _reached(connection, row):
        _move(connection, row, **_another_round(row.page, now))


def _end_lesser(connection: Connection, alert_id: str) -> None:
    mine = select(alert.c.incident).where(alert.c.id == alert_id).scalar_subquery()
    others = select(alert.c.id).where(alert.c.incident == mine, alert.c.id != alert_id)
    running = escalation.c.alert.in_(others) & (escalation.c.state == "running")
    connection.execute(update(escalation).where(running).values(state="stopped", reason="graver"))


def _due(now: int, policy: Mapping[str, Sequence[Step]]) -> Select[Any]:
    """What is shown and whose next call is due: a hidden alert is held until it is shown again.

    A call that is due later than any can be was put there before the clock was set back, and is due too.
    """
    e = escalation.c
    longest = max([LONGEST_PAUSE, *(step.minutes for steps in policy.values() for step in steps)])
    shown = select(e.alert).join(alert, alert.c.id == e.alert)
    due = or_(e.due_at <= now, e.due_at > now + longest * _MINUTE)
    return shown.where(e.state == "running", due, alert.c.stage == "")


def _go_on(connection: Connection, alert_id: str, channels: Channels, now: int, *, told: bool = False) -> bool:
    """Make the next call that can be made; whether there was one. ``told``: the groups know by this page already."""
    row = _load(connection, alert_id)
    if row is None:
        return False
    if taken_up(connection, alert_id):
        _move(connection, row, state="stopped", reason="acknowledged")
        return False
    roster = roster_for_line(connection, row.line)
    calls, people = (_calls(connection, row), people_on(connection, roster, now)) if roster else ([], {})
    if not _move(connection, row, due_at=now):
        return False  # another server makes this call
    for i, call in enumerate(calls[row.step :]):
        page = row.page + i
        if _call(connection, alert_id, page, people.get(call.target), channels, now, told=told and i == 0):
            _set(connection, alert_id, page=page + 1, **_after(calls, row.step + i, now))
            return True
    return _call_any(connection, row, row.page + len(calls[row.step :]), roster, channels, now)


def _call_any(
    connection: Connection, row: Row[Any], page: int, roster: Roster | None, channels: Channels, now: int
) -> bool:
    """Nobody is left whom the policy names: unless somebody was reached before, anybody is called, and again later."""
    if row.step and _reached(connection, row):
        _set(connection, row.alert, page=page, state="exhausted", reason="nobody_left")
        return False
    called = call_anybody(connection, row.alert, page, roster, channels, now)
    _set(connection, row.alert, page=page + 1, **_another_round(page, now))
    return called


def _another_round(page: int, now: int) -> dict[str, Any]:
    """The calls begin again, after a pause that grows with the calls that were made."""
    pause = min(page + 1, LONGEST_PAUSE) * _MINUTE
    return {"step": 0, "due_at": now + pause, "state": "running", "reason": "nobody_reached"}


def _call(
    connection: Connection, alert_id: str, page: int, name: str | None, channels: Channels, now: int, *, told: bool
) -> bool:
    if name is None:
        note_uncalled(connection, alert_id, page, "", "nobody_on_duty", now)
        return False
    if call_person(connection, alert_id, page, name, channels, now):
        return True
    note_uncalled(connection, alert_id, page, name, "no_contact", now)
    return told or call_groups(connection, alert_id, page, channels, now)


def _calls(connection: Connection, row: Row[Any]) -> Sequence[Call]:
    return calls_of(load_policy(connection)[row.severity])


def _after(calls: Sequence[Call], step: int, now: int) -> dict[str, Any]:
    if step + 1 == len(calls):
        return {"step": step + 1, "state": "exhausted", "reason": "all_called"}
    return {"step": step + 1, "due_at": now + calls[step].wait_ms}


def _hopeful(connection: Connection, row: Row[Any]) -> bool:
    """Whether the person may still be reached by the same page."""
    d = delivery.c
    same = (d.alert == row.alert) & (d.page == row.page) & (d.recipient == row.recipient)
    hopeful = d.state.in_(("waiting", "sending", "delivered"))
    return connection.scalar(select(d.id).where(same, hopeful).limit(1)) is not None


def _reached(connection: Connection, row: Row[Any]) -> bool:
    """Whether a person was reached since the alert was told last, or may still be."""
    d = delivery.c
    since = select(alert.c.paged_at).where(alert.c.id == row.alert).scalar_subquery()
    person = (d.alert == row.alert) & (d.recipient != "") & (d.created_at >= func.coalesce(since, 0))
    hopeful = d.state.in_(("waiting", "sending", "delivered"))
    return connection.scalar(select(d.id).where(person, hopeful).limit(1)) is not None


def _load(connection: Connection, alert_id: str) -> Row[Any] | None:
    return connection.execute(
        select(escalation, alert.c.severity, alert.c.line)
        .join(alert, alert.c.id == escalation.c.alert)
        .where(escalation.c.alert == alert_id)
    ).one_or_none()


def _move(connection: Connection, row: Row[Any], **values: Any) -> bool:
    """Change the row unless another server has since it was read, and keep others from it until the commit."""
    e = escalation.c
    same = (e.alert == row.alert) & (e.page == row.page) & (e.due_at == row.due_at) & (e.state == row.state)
    return connection.execute(update(escalation).where(same).values(values)).rowcount == 1


def _set(connection: Connection, alert_id: str, **values: Any) -> None:
    connection.execute(update(escalation).where(escalation.c.alert == alert_id).values(values))
