"""Duty as the API and the console show it."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from stillcold_server.api.models.duty import (
    ContactAnswer,
    HandoverAnswer,
    LogEntry,
    OutlookAnswer,
    RosterAnswer,
    RosterBody,
    ShiftBody,
    TryAnswer,
    TurnAnswer,
    UnreachableAnswer,
)
from stillcold_server.duty.contacts import all_contacts, shown_at
from stillcold_server.duty.outlook import look_ahead
from stillcold_server.duty.reach import Channels
from stillcold_server.duty.roster import DAY, Roster, Shift, Turn, clock
from stillcold_server.duty.rosters import load_rosters
from stillcold_server.people.scope import Scope
from stillcold_server.store.schema import delivery, delivery_try, user

_SHOWN = 4


def seen(roster: Roster, scope: Scope) -> bool:
    """Whether a roster is of a district that an account may see; the roster of everything is for those who see all."""
    return scope.districts is None or roster.district in scope.districts


def rosters_in(connection: Connection, scope: Scope) -> list[Roster]:
    """The rosters that an account may see."""
    return [r for r in load_rosters(connection) if seen(r, scope)]


def people_in(rosters: Sequence[Roster]) -> set[str]:
    """Everybody who stands on some rosters."""
    named = {n for r in rosters for s in r.shifts for names in s.people.values() for n in names}
    return named | {r.supervisor for r in rosters if r.supervisor}


def candidates(connection: Connection, scope: Scope) -> list[str]:
    """Active accounts that somebody may put on duty: all of them, or those of their districts and rosters."""
    u = user.c
    rows = connection.execute(select(u.name, u.districts).where(u.disabled.is_(False)).order_by(u.name)).all()
    if scope.districts is None:
        return [row.name for row in rows]
    known, theirs = people_in(rosters_in(connection, scope)), set(scope.districts)
    return [row.name for row in rows if row.name in known or not theirs.isdisjoint(row.districts or ())]


def roster_of_body(roster_id: str, body: RosterBody) -> Roster:
    """A roster as it was sent."""
    given = body.model_dump(exclude={"shifts", "day_starts"})
    return Roster(
        id=roster_id, day_starts=_minutes(body.day_starts), shifts=[_shift(s) for s in body.shifts], **given
    )  # fmt: skip


def roster_answer(roster: Roster) -> RosterAnswer:
    """A roster as it is sent."""
    shifts = [
        ShiftBody(
            name=s.name, starts=clock(s.starts), ends=clock(s.starts + s.minutes), days=s.days,
            first=tuple(s.people.get("first", ())), second=tuple(s.people.get("second", ())),
        )
        for s in roster.shifts
    ]  # fmt: skip
    return RosterAnswer(
        id=roster.id, name=roster.name, district=roster.district, day_starts=clock(roster.day_starts),
        continuous=roster.continuous, turn_days=roster.turn_days, anchor=roster.anchor, supervisor=roster.supervisor,
        shifts=shifts,
    )  # fmt: skip


def turn_answer(turn: Turn) -> TurnAnswer:
    """A turn as it is sent."""
    return TurnAnswer(**{name: getattr(turn, name) for name in TurnAnswer.model_fields})


def outlook_answer(connection: Connection, rosters: Sequence[Roster], channels: Channels, now: int) -> OutlookAnswer:
    """What is wrong with the days to come."""
    outlook = look_ahead(connection, rosters, channels, now)
    return OutlookAnswer(
        gaps=[turn_answer(t) for t in outlook.gaps],
        unreachable=[
            UnreachableAnswer(**{name: getattr(u, name) for name in UnreachableAnswer.model_fields})
            for u in outlook.unreachable
        ],
    )


def contact_answers(connection: Connection, name: str | None, me: str) -> list[ContactAnswer]:
    """Contacts of somebody, or of all; others' addresses are veiled."""
    return [
        ContactAnswer(
            user=c.user, channel=c.channel, address=c.address if c.user == me else veiled(c.address),
            position=c.position, verified_at=c.verified_at, shown_at=shown_at(connection, c),
            code_sent=c.code is not None,
        )
        for c in all_contacts(connection, name)
    ]  # fmt: skip


def veiled(address: str) -> str:
    """An address of which the end is shown.

    Examples
    --------
    >>> veiled("13800001234"), veiled("abc")
    ('…1234', '…')
    """
    return f"…{address[-_SHOWN:]}" if len(address) > 2 * _SHOWN else "…"


def delivery_log(
    connection: Connection,
    scope: Scope,
    me: str,
    *,
    limit: int,
    before: int | None = None,
    recipient: str | None = None,
    channel: str | None = None,
    state: str | None = None,
) -> list[LogEntry]:
    """The newest messages first, each with its tries.

    Parameters
    ----------
    scope, me : Scope, str
        Whose view: messages about alerts there, and those to oneself.
    limit : int
        Most entries.
    before : int, optional
        Only those with a smaller id: the page after the one that ended with it.
    recipient, channel, state : str, optional
        Only those.
    """
    d = delivery.c
    query = select(delivery).where(or_(scope.alert(d.alert), d.recipient == me)).order_by(d.id.desc()).limit(limit)
    if before is not None:
        query = query.where(d.id < before)
    for column, wanted in ((d.recipient, recipient), (d.channel, channel), (d.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    rows = connection.execute(query).all()
    tries = _tries(connection, [r.id for r in rows])
    return [LogEntry(**_fields(row, LogEntry, "tries"), tries=tries.get(row.id, [])) for row in rows]


def handover_answer(row: Row[Any]) -> HandoverAnswer:
    """A handover as it is sent."""
    return HandoverAnswer(**_fields(row, HandoverAnswer, "content"), content=json.loads(row.content))


def _fields(row: Row[Any], model: Any, *without: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in model.model_fields if name not in without}


def _tries(connection: Connection, numbers: list[int]) -> dict[int, list[TryAnswer]]:
    t = delivery_try.c
    found: dict[int, list[TryAnswer]] = {}
    for row in connection.execute(select(delivery_try).where(t.delivery.in_(numbers)).order_by(t.id)):
        found.setdefault(row.delivery, []).append(TryAnswer(at=row.at, outcome=row.outcome, detail=row.detail))
    return found


def _shift(body: ShiftBody) -> Shift:
    starts, ends = _minutes(body.starts), _minutes(body.ends)
    length = (ends - starts) % DAY or DAY
    return Shift(body.name, starts, length, body.days, {"first": body.first, "second": body.second})


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return 60 * int(hours) + int(minutes)
