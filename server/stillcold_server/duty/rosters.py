"""Rosters in the database."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, Row, Table, select

from stillcold_server.days import DAY, begin_of
from stillcold_server.duty.roster import (
    LEVELS,
    Absence,
    BadRoster,
    Change,
    Exceptions,
    Roster,
    Shift,
    Turn,
    check,
    turns,
)
from stillcold_server.store.database import upsert
from stillcold_server.store.schema import (
    absence,
    calendar_day,
    district,
    duty_change,
    line,
    roster,
    rotation,
    shift,
    site,
    user,
)


def load_rosters(connection: Connection) -> list[Roster]:
    """All rosters, by id."""
    shifts, people = connection.execute(select(shift)).all(), connection.execute(_ROTATIONS).all()
    return [_roster(row, shifts, people) for row in connection.execute(select(roster).order_by(roster.c.id))]


def save_roster(connection: Connection, given: Roster) -> None:
    """Take a roster, new or instead of the one with its id.

    Raises
    ------
    BadRoster
        When it says nothing definite, or names somebody or a district that there is not.
    """
    check(given)
    _check_names(connection, given)
    for table in (rotation, shift):
        connection.execute(table.delete().where(table.c.roster == given.id))
    values = {
        "id": given.id, "name": given.name, "district": given.district, "day_starts": given.day_starts,
        "continuous": given.continuous, "turn_days": given.turn_days, "anchor": given.anchor,
        "supervisor": given.supervisor,
    }  # fmt: skip
    upsert(connection, roster, [values])
    for one in given.shifts:
        row = {"roster": given.id, "name": one.name, "starts": one.starts, "minutes": one.minutes, "days": one.days}
        connection.execute(shift.insert(), row)
        _save_people(connection, given.id, one)


def delete_roster(connection: Connection, roster_id: str) -> bool:
    """Take a roster away with what changes it; handovers stay. Whether there was one."""
    from_roster: Sequence[Table] = (rotation, shift, duty_change)
    for table in from_roster:
        connection.execute(table.delete().where(table.c.roster == roster_id))
    return connection.execute(roster.delete().where(roster.c.id == roster_id)).rowcount == 1


def load_exceptions(connection: Connection, begins: int, ends: int) -> Exceptions:
    """What changes the rotations between two times, in ms."""
    c, a, d = duty_change.c, absence.c, calendar_day.c
    changes = connection.execute(select(duty_change).where(c.state == "approved").order_by(c.decided_at, c.id))
    away = connection.execute(select(absence).where(a.to_at > begins - DAY, a.from_at < ends + DAY))
    days = connection.execute(select(d.day, d.kind))
    within = range(begins - 2 * DAY, ends + 2 * DAY)
    return Exceptions(
        {row.day: row.kind for row in days},
        [Change(r.roster, r.day, r.shift, r.level, r.taker) for r in changes if begin_of(r.day) in within],
        [Absence(r.user, r.from_at, r.to_at) for r in away],
    )


def roster_of(rosters: Sequence[Roster], district_id: str | None) -> Roster | None:
    """The roster that answers for a district: its own, or the one of everything."""
    own = next((r for r in rosters if r.district is not None and r.district == district_id), None)
    return own or next((r for r in rosters if r.district is None), None)


def roster_for_line(connection: Connection, line_id: str) -> Roster | None:
    """The roster that answers for a line."""
    of_site = select(site.c.district).join(line, line.c.site == site.c.id).where(line.c.id == line_id)
    return roster_of(load_rosters(connection), connection.scalar(of_site))


def turns_between(connection: Connection, one: Roster, begins: int, ends: int) -> list[Turn]:
    """Who is on between two times, in ms, and where nobody is."""
    return list(turns(one, begins, ends, load_exceptions(connection, begins, ends)))


def people_on(connection: Connection, one: Roster, at: int) -> dict[str, str]:
    """Who is on at a time (ms), by level, and the supervisor; no entry where there is nobody."""
    now = {t.level: t.user for t in turns_between(connection, one, at, at + 1) if t.user}
    return now | ({"supervisor": one.supervisor} if one.supervisor else {})


_ROTATIONS = select(rotation).order_by(rotation.c.roster, rotation.c.shift, rotation.c.level, rotation.c.position)


def _roster(row: Row[Any], shifts: Sequence[Row[Any]], people: Sequence[Row[Any]]) -> Roster:
    own = [s for s in shifts if s.roster == row.id]
    found = [
        Shift(s.name, s.starts, s.minutes, s.days, {
            level: [p.user for p in people if (p.roster, p.shift, p.level) == (row.id, s.name, level)]
            for level in LEVELS
        })
        for s in sorted(own, key=lambda s: ((s.starts - row.day_starts) % (24 * 60), s.name))
    ]  # fmt: skip
    values = {c.name: getattr(row, c.name) for c in roster.c}
    return Roster(**cast("Any", values), shifts=found)


def _save_people(connection: Connection, roster_id: str, one: Shift) -> None:
    rows = [
        {"roster": roster_id, "shift": one.name, "level": level, "position": i, "user": name}
        for level, names in one.people.items()
        for i, name in enumerate(names)
    ]
    if rows:
        connection.execute(rotation.insert(), rows)


def _check_names(connection: Connection, given: Roster) -> None:
    known = set(connection.scalars(select(user.c.name).where(user.c.disabled.is_(False))))
    named = [(f"shifts.{s.name}.{level}", n) for s in given.shifts for level, names in s.people.items() for n in names]
    for field, name in [*named, *([("supervisor", given.supervisor)] if given.supervisor else [])]:
        if name not in known:
            raise BadRoster(field, f"there is no active user {name!r}")
    if given.district is not None and not _is_district(connection, given.district):
        raise BadRoster("district", f"there is no district {given.district!r}")
    same = roster.c.district.is_(None) if given.district is None else roster.c.district == given.district
    if other := connection.scalar(select(roster.c.id).where(same, roster.c.id != given.id)):
        raise BadRoster("district", f"the roster {other!r} is for the same already")


def _is_district(connection: Connection, name: str) -> bool:
    return connection.scalar(select(district.c.id).where(district.c.id == name)) is not None
