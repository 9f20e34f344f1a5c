"""Rosters: who is on at any moment, and what is wrong with the days to come."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_server.days import begin_of
from stillcold_server.duty.roster import (
    DAY,
    Absence,
    BadRoster,
    Change,
    Exceptions,
    Roster,
    Shift,
    Turn,
    check,
    on_duty,
    turns,
)

YEAR = date(2027, 1, 1)
DAY_MS = 86_400_000
PEOPLE = ("chen", "li", "wang", "zhao")


def shift(name: str, starts: int, minutes: int, days: str = "all", *people: str) -> Shift:
    return Shift(name, 60 * starts, 60 * minutes, days, {"first": people or PEOPLE, "second": ()})  # type: ignore[arg-type]


def roster(*shifts: Shift, day_starts: int = 8, continuous: bool = True, turn_days: int = 1) -> Roster:
    return check(Roster("r", "R", None, 60 * day_starts, continuous, turn_days, YEAR, None, shifts))


TWO = roster(shift("day", 8, 12, "all", "li", "wang"), shift("night", 20, 12, "all", "chen", "zhao"))


def at(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}+08:00").timestamp() * 1000)


@pytest.mark.requirement("duty.roster")
def test_shifts_over_midnight_turn_by_day() -> None:
    assert on_duty(TWO, at("2027-01-01T08:00"), Exceptions()) == {"first": "li"}
    assert on_duty(TWO, at("2027-01-01T19:59:59.999"), Exceptions()) == {"first": "li"}
    assert on_duty(TWO, at("2027-01-01T20:00"), Exceptions()) == {"first": "chen"}
    assert on_duty(TWO, at("2027-01-02T07:59"), Exceptions()) == {"first": "chen"}, (
        "the night belongs to the day before"
    )
    assert on_duty(TWO, at("2027-01-02T08:00"), Exceptions()) == {"first": "wang"}
    assert on_duty(TWO, at("2026-12-31T08:00"), Exceptions()) == {"first": "wang"}, "also before the first turn"


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    """Any roster that says something definite: some shifts on working days, some on days off."""
    day_starts = draw(st.integers(0, 23)) * 60
    shifts = []
    for days in draw(st.sampled_from([["all"], ["work", "off"]])):
        cuts = sorted(draw(st.sets(st.integers(0, 47), min_size=2, max_size=6)))
        ends = [*cuts[1:], 48] if draw(st.booleans()) else cuts[1:]
        for i, (begin, end) in enumerate(zip(cuts, ends, strict=False)):
            starts = (day_starts + 30 * begin) % DAY
            people = draw(st.lists(st.sampled_from(PEOPLE), max_size=4))
            shifts.append(Shift(f"{days}{i}", starts, 30 * (end - begin), days, {"first": people, "second": ()}))  # type: ignore[arg-type]
    return check(Roster("r", "R", None, day_starts, True, draw(st.integers(1, 7)), YEAR, None, shifts))


@st.composite
def exceptions(draw: st.DrawFn) -> Exceptions:
    """Holidays, working weekends, and people who are away."""
    days = st.dates(YEAR, YEAR + timedelta(days=365))
    begins = begin_of(YEAR) + draw(st.integers(0, 365 * 24)) * 3_600_000
    away = Absence(draw(st.sampled_from(PEOPLE)), begins, begins + draw(st.integers(1, 500)) * 1_800_000)
    return Exceptions(draw(st.dictionaries(days, st.sampled_from(["work", "off"]), max_size=20)), (), [away])


@pytest.mark.requirement("duty.no-hole")
@settings(max_examples=40, deadline=None)
@given(rosters(), exceptions())
def test_over_a_year_every_instant_has_one_person_or_is_a_gap_that_is_shown(one: Roster, changed: Exceptions) -> None:
    """The turns of the year follow each other without a hole and without overlap."""
    begins, ends = begin_of(YEAR), begin_of(YEAR) + 365 * DAY_MS
    found = [t for t in turns(one, begins, ends, changed) if t.level == "first"]
    assert found[0].begins <= begins
    assert found[-1].ends >= ends
    assert all(a.ends == b.begins for a, b in pairwise(found))
    assert all(t.begins < t.ends for t in found)
    assert all((t.user is None) == (t.reason in ("absent", "nobody", "no_shift")) for t in found)
    away = changed.absences[0]
    assert not any(t.user == away.user and t.begins < away.ends and t.ends > away.begins for t in found)
    for t in found[:: max(1, len(found) // 20)]:
        assert on_duty(one, t.begins, changed) == ({"first": t.user} if t.user else {})


@pytest.mark.requirement("duty.calendar")
def test_holidays_have_shifts_of_their_own_and_a_weekend_may_be_a_working_day() -> None:
    office = roster(shift("office", 9, 8, "work", "li"), shift("stand-by", 8, 24, "off", "wang"), continuous=False)
    spring, swapped = date(2027, 2, 8), date(2027, 2, 20)
    calendar = Exceptions({spring: "off", swapped: "work"})
    assert on_duty(office, at("2027-02-08T10:00"), Exceptions()) == {"first": "li"}
    assert on_duty(office, at("2027-02-08T10:00"), calendar) == {"first": "wang"}
    assert on_duty(office, at("2027-02-20T10:00"), Exceptions()) == {"first": "wang"}
    assert on_duty(office, at("2027-02-20T10:00"), calendar) == {"first": "li"}
    assert on_duty(office, at("2027-02-22T20:00"), calendar) == {}
    assert not [t for t in turns(office, at("2027-02-22T08:00"), at("2027-02-27T08:00"), calendar) if not t.user]


@pytest.mark.requirement("duty.changes")
def test_an_absence_is_a_gap_until_somebody_takes_the_shift() -> None:
    night = date(2027, 1, 1)
    away = Absence("chen", at("2027-01-01T22:00"), at("2027-01-03T00:00"))

    def of_night(changes: Exceptions) -> list[tuple[str | None, str]]:
        found = turns(TWO, at("2027-01-01T20:00"), at("2027-01-02T08:00"), changes)
        return [(t.user, t.reason) for t in found]

    assert of_night(Exceptions(absences=[away])) == [("chen", ""), (None, "absent")]
    taken = Change("r", night, "night", "first", "zhao")
    assert of_night(Exceptions(changes=[taken], absences=[away])) == [("zhao", "changed")]
    another = Change("r", night + timedelta(days=1), "night", "first", "zhao")
    assert of_night(Exceptions(changes=[another])) == [("chen", "")]


@pytest.mark.parametrize(
    ("shifts", "field"),
    [
        ((), "shifts"),
        ((shift("day", 8, 12), shift("day", 20, 12)), "shifts"),
        ((shift("day", 8, 13), shift("night", 20, 12)), "shifts.night"),
        ((shift("night", 20, 13),), "shifts.night"),
    ],
)
def test_a_roster_that_says_nothing_definite_is_refused(shifts: tuple[Shift, ...], field: str) -> None:
    with pytest.raises(BadRoster) as refused:
        roster(*shifts)
    assert refused.value.field == field


def test_times_are_those_of_shanghai() -> None:
    (turn,) = (t for t in turns(TWO, at("2027-01-01T09:00"), at("2027-01-01T10:00"), Exceptions()))
    assert isinstance(turn, Turn)
    assert datetime.fromtimestamp(turn.begins / 1000, UTC).hour == 0


@pytest.mark.requirement("api.bad-input")
def test_somebody_is_on_duty_on_the_first_and_the_last_day_that_a_date_can_be() -> None:
    """As a period may be asked for; the day after the last one is none."""
    always = roster(shift("all", 0, 24, "all", "li"), day_starts=0)
    for moment in ("0001-01-02T08:00", "9999-12-31T07:59"):
        assert on_duty(always, at(moment), Exceptions()) == {"first": "li"}
