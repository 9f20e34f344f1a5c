"""From a finding to an alert that is hidden, shown or paged, and what is told when nothing holds it any longer."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from stillcold_core.detect.findings import Finding
from stillcold_server.alerts.lifecycle import SYSTEM, WAITING, find, latches, move, record, when_over, write_entry
from stillcold_server.alerts.stages import FLAG_OF, SEVERITIES, Flag, Held, Situation, Stage, covering, held
from stillcold_server.store.schema import alert, escalation

Page = Callable[[Connection, str, int], None]
"""Tells officers of an alert: with the transaction, the alert's id and the time in ms."""
HIDES: dict[Flag, str] = {"suppressed": "suppress", "out_of_service": "remove_from_service", "shelved": "shelve"}
"""Transition by which a flag begins."""
SHOWS: dict[Flag, str] = {"suppressed": "unsuppress", "out_of_service": "return_to_service", "shelved": "unshelve"}
"""Transition by which it ends."""


def take(connection: Connection, finding: Finding, now: int, page: Page) -> str | None:
    """Take a finding into the alerts; a new one goes through the stages.

    Parameters
    ----------
    finding : Finding
        Something new, its progress or its end.
    now : int
        ms
    page : callable
        Called for a new alert that no stage holds back.

    Returns
    -------
    str or None
        The incident of a new alert; None where the alert is known.
    """
    incident = record(connection, finding, now)
    if incident is not None:
        pass_on(connection, find(connection, finding.id), now, page)
    return incident


def pass_on(connection: Connection, row: Row[Any], now: int, page: Page) -> None:
    """Send an alert that is not hidden through the stages."""
    situation = Situation.of(row, now)
    if by := held(connection, situation, hides=True):
        hide(connection, row, by, now)
        return
    quiet = held(connection, situation, hides=False)
    values = {"announced_at": now} if quiet else {"announced_at": now, "paged_at": now}
    connection.execute(update(alert).where(alert.c.id == row.id).values(values))
    if quiet is None:
        page(connection, row.id, now)
        return
    stage, why = quiet
    if row.severity == "info" and not latches(row.kind):  # it asks nobody, and closes by itself
        state = "acknowledged" if row.ended is None else "normal"
        move(connection, row, state, stage.name, actor=SYSTEM, reason=why.reason, note="", now=now)
    else:
        write_entry(connection, row.id, stage.name, actor=SYSTEM, reason=why.reason, note="", now=now)


def hide(
    connection: Connection, row: Row[Any], by: tuple[Stage, Held], now: int, *, actor: str = SYSTEM, note: str = ""
) -> None:
    """Hide an alert; what is over asks nobody any more, as far as :func:`when_over` says."""
    stage, why = by
    state = row.state if row.ended is None else when_over(row.kind, row.state, why.reason)
    move(
        connection, row, state, HIDES[FLAG_OF[stage.name]], actor=actor, reason=why.reason, note=note, now=now,
        stage=stage.name, held_why=why.reason, held_at=now, held_until=why.until,
    )  # fmt: skip


def hidden(connection: Connection, line: str | None = None) -> Sequence[str]:
    """Ids of the open alerts that are hidden, of all lines or of one."""
    names = select(alert.c.id).where(alert.c.state != "normal", alert.c.stage != "").order_by(alert.c.id)
    return connection.scalars(names if line is None else names.where(alert.c.line == line)).all()


def review(
    connection: Connection, names: Sequence[str], now: int, page: Page, *, actor: str = SYSTEM, note: str = ""
) -> int:
    """Look again at what is hidden: what nothing holds any longer is shown, and told where it still stands.

    Parameters
    ----------
    names : sequence of str
        Ids of :func:`hidden` alerts.
    now : int
        ms
    page : callable
        Called for what still stands.
    actor, note : str
        Who has ended what held them, and why.

    Returns
    -------
    int
        Alerts that are shown again.
    """
    shown = 0
    for name in names:
        row = find(connection, name)
        if row.stage and row.state != "normal":  # else another server was faster
            shown += _review(connection, row, now, page, actor, note)
    return shown


def apply(connection: Connection, now: int, page: Page, *, line: str, actor: str, note: str) -> None:
    """Hide what stands on a line and is held from now on: somebody has shelved it, or taken it out of service.

    What had joined it is told, unless another alert covers it.
    """
    standing = select(alert.c.id).where(alert.c.line == line, alert.c.state != "normal", alert.c.stage == "")
    for name in connection.scalars(standing.order_by(alert.c.id)).all():
        row = find(connection, name)
        if by := held(connection, Situation.of(row, now), hides=True):
            hide(connection, row, by, now, actor=actor, note=note)
    for row in _uncalled(connection, line):
        if held(connection, Situation.of(row, now), hides=False) is None:
            pass_on(connection, row, now, page)


def taken_up(connection: Connection, alert_id: str) -> bool:
    """Whether nobody need be called for an alert: it, or one that covers it, was acknowledged since it was told."""
    row = connection.execute(select(alert).where(alert.c.id == alert_id)).one()
    if row.state not in WAITING or row.paged_at is None:
        return row.state not in WAITING
    since = covering(Situation.of(row, 0)) & (alert.c.acknowledged_at >= row.paged_at)
    return connection.scalar(select(alert.c.id).where(since).limit(1)) is not None


def _uncalled(connection: Connection, line: str) -> Sequence[Row[Any]]:
    """What waits on a line while others of its incident were called for or taken up, the gravest first."""
    a = alert.c
    passed_over = a.id.in_(select(escalation.c.alert).where(escalation.c.state == "stopped"))
    waits = select(alert).where(a.line == line, a.state.in_(WAITING), a.stage == "", a.paged_at.is_(None) | passed_over)
    rows = connection.execute(waits.order_by(a.raised_at, a.id)).all()
    return sorted(rows, key=lambda row: (not row.kind.startswith("restart."), SEVERITIES.index(row.severity)))


def _review(connection: Connection, row: Row[Any], now: int, page: Page, actor: str, note: str) -> bool:
    by = held(connection, Situation.of(row, now), hides=True)
    if by is None:
        _show(connection, row, now, page, actor, note)
    elif (by[0].name, by[1].reason, by[1].until) != (row.stage, row.held_why, row.held_until):
        hide(connection, row, by, now, actor=actor, note=note)
    return by is None


def _show(connection: Connection, row: Row[Any], now: int, page: Page, actor: str, note: str) -> None:
    """What goes on stands as if it were new (ISA-18.2): nobody who took it up then has it in hand now."""
    values: dict[str, Any] = {"stage": "", "held_why": "", "held_at": None, "held_until": None}
    state = row.state
    if row.ended is None:
        state = "unacknowledged"
        values |= {"acknowledged_by": None, "acknowledged_at": None}
    values["announced_at"] = row.announced_at or now
    transition = SHOWS[FLAG_OF[row.stage]]
    move(connection, row, state, transition, actor=actor, reason=row.held_why, note=note, now=now, **values)
    if state in WAITING:
        pass_on(connection, find(connection, row.id), now, page)
