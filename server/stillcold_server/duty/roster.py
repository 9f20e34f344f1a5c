"""A roster as a value, and who it puts on duty when. Pure: no clock, no database.

A roster's day begins at one time of the day, Asia/Shanghai, and every shift lies within a day of the roster. So shifts
that do not overlap within a day overlap nowhere, whatever the calendar makes of the next day.

::

    BadRoster (ValueError)      a roster that says nothing definite; ``field`` says where
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Literal, get_args

from stillcold_server.days import begin_of, day_of, days_from

Days = Literal["all", "work", "off"]
DAYS: tuple[Days, ...] = get_args(Days)
Reason = Literal["", "changed", "absent", "nobody", "no_shift"]
LEVELS = ("first", "second")
"""On duty, and whom to call when the first does not answer."""
DAY = 24 * 60
_MS = 60_000
_SATURDAY = 5


class BadRoster(ValueError):
    """A roster says nothing definite.

    Parameters
    ----------
    field : str
        Where.
    message : str
        What is wrong, and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


@dataclass(frozen=True, slots=True)
class Shift:
    """A part of the day, and who takes it in turn."""

    name: str
    starts: int
    """Minutes since local midnight."""
    minutes: int
    days: Days
    """On which days there is this shift: all, working days, days off."""
    people: Mapping[str, Sequence[str]]
    """By level, those who take turns; a level may be empty."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Shifts of a district, or of everything."""

    id: str
    name: str
    district: str | None
    day_starts: int
    """Minutes since local midnight at which a day of the roster begins."""
    continuous: bool
    """Whether somebody must be on at any time; else only during the shifts."""
    turn_days: int
    """How many days somebody's turn lasts."""
    anchor: date
    """The day on which the first of each shift begins a turn."""
    supervisor: str | None
    shifts: Sequence[Shift]


@dataclass(frozen=True, slots=True)
class Change:
    """An approved exception: somebody else takes one shift."""

    roster: str
    day: date
    shift: str
    level: str
    user: str


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is away."""

    user: str
    begins: int
    ends: int
    """ms"""


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What changes the plain rotation."""

    calendar: Mapping[date, Literal["work", "off"]] = field(default_factory=dict)
    """Holidays, and working days at weekends; other days are as the week says."""
    changes: Sequence[Change] = ()
    absences: Sequence[Absence] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody's shift; or one for which there is nobody, with the reason."""

    roster: str
    level: str
    shift: str
    day: date
    begins: int
    ends: int
    """ms"""
    user: str | None
    reason: Reason = ""


def check(roster: Roster) -> Roster:
    """The roster, if it says something definite.

    Raises
    ------
    BadRoster
    """
    if not roster.shifts:
        raise BadRoster("shifts", "expected at least one")
    names = [s.name for s in roster.shifts]
    if twice := {n for n in names if names.count(n) > 1}:
        raise BadRoster("shifts", f"the name {min(twice)!r} is given twice")
    for shift in roster.shifts:
        if not 0 < shift.minutes <= DAY - _offset(roster, shift):
            next_day = clock(roster.day_starts)
            raise BadRoster(
                f"shifts.{shift.name}", f"expected an end by {next_day}, where the roster's next day begins"
            )
    for kind in ("work", "off"):
        _check_apart(roster, kind)
    return roster


def turns(roster: Roster, begins: int, ends: int, exceptions: Exceptions) -> Iterator[Turn]:
    """Who is on from one time (ms) to another, in order of time and level; with the gaps, if it is to be continuous.

    An absent person's shift is a gap until a change gives it to somebody.
    """
    for day in days_from(_day_of(roster, begins), _day_of(roster, ends - 1)):
        for level in LEVELS:
            if any(s.people.get(level) for s in roster.shifts) or level == LEVELS[0]:
                yield from (t for t in _of_day(roster, day, level, exceptions) if t.begins < ends and t.ends > begins)


def on_duty(roster: Roster, at: int, exceptions: Exceptions) -> dict[str, str]:
    """Who is on at a time (ms), by level; no entry for a level that has nobody."""
    return {t.level: t.user for t in turns(roster, at, at + 1, exceptions) if t.user}


def kind_of(day: date, exceptions: Exceptions) -> Literal["work", "off"]:
    """Whether a day is a working day."""
    return exceptions.calendar.get(day) or ("off" if day.weekday() >= _SATURDAY else "work")


def clock(minutes: int) -> str:
    """Minutes since midnight as a clock shows them.

    Examples
    --------
    >>> clock(510), clock(1440)
    ('08:30', '00:00')
    """
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _offset(roster: Roster, shift: Shift) -> int:
    """Minutes since the beginning of the roster's day."""
    return (shift.starts - roster.day_starts) % DAY


def _at(roster: Roster, day: date) -> int:
    return begin_of(day) + roster.day_starts * _MS


def _day_of(roster: Roster, ms: int) -> date:
    return day_of(ms - roster.day_starts * _MS)


def _there(roster: Roster, kind: str) -> list[Shift]:
    there = (s for s in roster.shifts if s.days in ("all", kind))
    return sorted(there, key=lambda s: _offset(roster, s))


def _check_apart(roster: Roster, kind: str) -> None:
    there = _there(roster, kind)
    for one, other in pairwise(there):
        if _offset(roster, one) + one.minutes > _offset(roster, other):
            raise BadRoster(f"shifts.{other.name}", f"expected it to begin after {one.name} has ended")


def _of_day(roster: Roster, day: date, level: str, exceptions: Exceptions) -> Iterator[Turn]:
    covered = begin = _at(roster, day)
    end = begin + DAY * _MS
    for shift in _there(roster, kind_of(day, exceptions)):
        starts = begin + _offset(roster, shift) * _MS
        if roster.continuous and starts > covered:
            yield Turn(roster.id, level, "", day, covered, starts, None, "no_shift")
        covered = starts + shift.minutes * _MS
        user = _turn(roster, shift, day, level)
        yield from _whole(Turn(roster.id, level, shift.name, day, starts, covered, user), exceptions)
    if roster.continuous and covered < end:
        yield Turn(roster.id, level, "", day, covered, end, None, "no_shift")


def _turn(roster: Roster, shift: Shift, day: date, level: str) -> str | None:
    people = shift.people.get(level)
    return people[(day - roster.anchor).days // roster.turn_days % len(people)] if people else None


def _whole(turn: Turn, exceptions: Exceptions) -> Iterator[Turn]:
    """A shift as the exceptions make it: given to another, or cut where its person is away."""
    user = turn.user
    reason: Reason = "" if user else "nobody"
    for change in exceptions.changes:
        if (change.roster, change.day, change.shift, change.level) == (turn.roster, turn.day, turn.shift, turn.level):
            user, reason = change.user, "changed"
    away = sorted((a.begins, a.ends) for a in exceptions.absences if a.user == user)
    at = turn.begins
    for begins, ends in away:
        if begins < turn.ends and ends > at:
            if begins > at:
                yield _part(turn, at, begins, user, reason)
            at, before = min(ends, turn.ends), max(begins, at)
            yield _part(turn, before, at, None, "absent")
    if at < turn.ends:
        yield _part(turn, at, turn.ends, user, reason)


def _part(turn: Turn, begins: int, ends: int, user: str | None, reason: Reason) -> Turn:
    return replace(turn, begins=begins, ends=ends, user=user, reason=reason)
