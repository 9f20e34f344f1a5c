"""Exceptions to the rotation: swaps, absences, and the calendar of holidays.

::

    ChangeError (ValueError)      ``reason`` is a stable word
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, select, update

from stillcold_server.days import DAY, begin_of
from stillcold_server.duty.roster import Roster, Turn
from stillcold_server.duty.rosters import load_rosters, turns_between
from stillcold_server.store.schema import absence, calendar_day, duty_change, user

KINDS = ("off", "work")


class ChangeError(ValueError):
    """An exception that cannot be made so.

    Parameters
    ----------
    reason : str
        ``unknown_roster``, ``unknown_user``, ``unknown_change``, ``no_shift``, ``on_already``, ``decided``, ``period``,
        ``calendar``.
    message : str
        What is wrong.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Part:
    """One shift of one level on one day of a roster."""

    roster: str
    day: date
    shift: str
    level: str


def ask(connection: Connection, part: Part, taker: str, *, reason: str, by: str, now: int) -> int:
    """Ask that somebody else takes a shift; the number of the request. It counts when a planner has approved it.

    Raises
    ------
    ChangeError
    """
    turn = turn_of(connection, part)
    if turn is None:
        raise ChangeError("no_shift", f"{part.roster} has no shift {part.shift!r} for {part.level} on {part.day}")
    if turn.user == taker:
        raise ChangeError("on_already", f"{taker} has this shift already")
    check_user(connection, taker)
    row = {
        "roster": part.roster, "day": part.day, "shift": part.shift, "level": part.level, "giver": turn.user,
        "taker": taker, "reason": reason, "asked_by": by, "asked_at": now, "state": "asked", "decided_by": None,
        "decided_at": None,
    }  # fmt: skip
    (number,) = connection.execute(duty_change.insert().values(row)).inserted_primary_key or (0,)
    return int(number)


def decide(connection: Connection, number: int, *, approved: bool, by: str, now: int) -> None:
    """Approve or refuse a request.

    Raises
    ------
    ChangeError
    """
    asked = (duty_change.c.id == number) & (duty_change.c.state == "asked")
    values = {"state": "approved" if approved else "refused", "decided_by": by, "decided_at": now}
    if connection.execute(update(duty_change).where(asked).values(values)).rowcount == 0:
        known = connection.scalar(select(duty_change.c.state).where(duty_change.c.id == number))
        word = "decided" if known else "unknown_change"
        raise ChangeError(word, f"the request {number} is {known}" if known else f"there is no request {number}")


def roster_of_change(connection: Connection, number: int) -> str | None:
    """Whose shift a request is about."""
    return connection.scalar(select(duty_change.c.roster).where(duty_change.c.id == number))


def list_changes(connection: Connection, since: date) -> Sequence[Row[Any]]:
    """Requests for a day and later ones, those that wait first."""
    c = duty_change.c
    return connection.execute(select(duty_change).where(c.day >= since).order_by(c.state != "asked", c.day, c.id)).all()


def note_absence(connection: Connection, name: str, begins: int, ends: int, *, reason: str, by: str) -> int:
    """Somebody will be away between two times, in ms; the number of the absence.

    Raises
    ------
    ChangeError
    """
    check_user(connection, name)
    if not 0 < ends - begins <= 366 * DAY:
        raise ChangeError("period", "expected an end after the beginning, within a year")
    row = {"user": name, "from_at": begins, "to_at": ends, "reason": reason, "noted_by": by}
    (number,) = connection.execute(absence.insert().values(row)).inserted_primary_key or (0,)
    return int(number)


def drop_absence(connection: Connection, number: int) -> bool:
    """Somebody is there after all; whether there was such an absence."""
    return connection.execute(absence.delete().where(absence.c.id == number)).rowcount == 1


def list_absences(connection: Connection, now: int) -> Sequence[Row[Any]]:
    """Absences that have not ended, by beginning."""
    a = absence.c
    return connection.execute(select(absence).where(a.to_at > now).order_by(a.from_at, a.id)).all()


def read_calendar(text: str) -> list[dict[str, Any]]:
    """Days of a CSV table ``day,kind,name``; ``kind`` is off (a holiday) or work (a working day at a weekend).

    Raises
    ------
    ChangeError
        With row, column and value of the first thing that does not fit.

    Examples
    --------
    >>> read_calendar("day,kind,name\\n2027-02-06,off,春节")
    [{'day': datetime.date(2027, 2, 6), 'kind': 'off', 'name': '春节'}]
    """
    rows = list(csv.DictReader(text.lstrip("\ufeff").splitlines()))
    if not rows or set(rows[0]) != {"day", "kind", "name"}:
        raise ChangeError("calendar", "row 1: expected the columns day,kind,name and a day in each row after it")
    days = [_calendar_day(number, row) for number, row in enumerate(rows, 2)]
    seen: set[date] = set()
    for number, row in enumerate(days, 2):
        if row["day"] in seen:
            raise ChangeError("calendar", f"row {number}, day: {row['day']} is given twice")
        seen.add(row["day"])
    return days


def save_calendar(connection: Connection, days: Sequence[dict[str, Any]]) -> None:
    """Take days into the calendar: in each year that they name, they replace all that were there."""
    for year in {row["day"].year for row in days}:
        d = calendar_day.c.day
        connection.execute(calendar_day.delete().where(d >= date(year, 1, 1), d <= date(year, 12, 31)))
    if days:
        connection.execute(calendar_day.insert(), list(days))


def list_calendar(connection: Connection, since: date) -> Sequence[Row[Any]]:
    """Days that are not as the week says, from one on."""
    return connection.execute(
        select(calendar_day).where(calendar_day.c.day >= since).order_by(calendar_day.c.day)
    ).all()


def turn_of(connection: Connection, part: Part) -> Turn | None:
    """Who has a shift; None where the roster has no such shift that day."""
    own = _roster(connection, part.roster)
    begins = begin_of(part.day) + own.day_starts * 60_000
    coming = turns_between(connection, own, begins, begins + DAY)
    same = (t for t in coming if (t.day, t.shift, t.level) == (part.day, part.shift, part.level) and t.shift)
    return next(same, None)


def check_user(connection: Connection, name: str) -> None:
    """Refuse a name that nobody active has.

    Raises
    ------
    ChangeError
    """
    if connection.scalar(select(user.c.name).where(user.c.name == name, user.c.disabled.is_(False))) is None:
        raise ChangeError("unknown_user", f"there is no active user {name!r}")


def _roster(connection: Connection, roster_id: str) -> Roster:
    found = next((r for r in load_rosters(connection) if r.id == roster_id), None)
    if found is None:
        raise ChangeError("unknown_roster", f"there is no roster {roster_id!r}")
    return found


def _calendar_day(number: int, row: dict[str, Any]) -> dict[str, Any]:
    try:
        day = date.fromisoformat((row["day"] or "").strip())
    except ValueError:
        raise ChangeError(
            "calendar", f"row {number}, day: expected a date like 2027-02-06, got {row['day']!r}"
        ) from None
    kind = (row["kind"] or "").strip()
    if kind not in KINDS:
        raise ChangeError("calendar", f"row {number}, kind: expected off or work, got {row['kind']!r}")
    return {"day": day, "kind": kind, "name": (row["name"] or "").strip()[:100]}
