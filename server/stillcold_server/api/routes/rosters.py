"""Who is on duty: rosters, what changes them, and who is called in which order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, status
from sqlalchemy import Connection

from stillcold_server.api.guard import IN_SCOPE, Actor, Caller, Planner, Watcher
from stillcold_server.api.models.duty import (
    AbsenceAnswer,
    AbsenceBody,
    CalendarBody,
    CalendarDay,
    ChangeAnswer,
    ChangeBody,
    OutlookAnswer,
    PolicyAnswer,
    PolicyBody,
    RosterAnswer,
    RosterBody,
    StepBody,
    TurnAnswer,
)
from stillcold_server.api.moments import Moment
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.duty import (
    candidates,
    outlook_answer,
    people_in,
    roster_answer,
    roster_of_body,
    rosters_in,
    seen,
    turn_answer,
)
from stillcold_server.api.routes.parameters import NumberInPath, RosterInPath, SeverityInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.days import DAY, day_of
from stillcold_server.duty import changes
from stillcold_server.duty.policy import BadPolicy, Step, load_policy, save_policy
from stillcold_server.duty.roster import BadRoster
from stillcold_server.duty.rosters import delete_roster, load_rosters, save_roster, turns_between
from stillcold_server.store.database import read

router = APIRouter(tags=["duty"])
_MOST_DAYS = 92
_STATUS = {"unknown_roster": 404, "unknown_change": 404, "decided": 409, "on_already": 409}


@router.get("/rosters", dependencies=IN_SCOPE)
def rosters(services: Served, who: Watcher) -> list[RosterAnswer]:
    """Every roster."""
    with read(services.engine) as connection:
        return [roster_answer(r) for r in rosters_in(connection, who.scope)]


@router.put("/rosters/{id}", dependencies=IN_SCOPE)
def put_roster(services: Served, who: Planner, id: RosterInPath, given: RosterBody) -> RosterAnswer:  # noqa: A002
    """Make a roster, or put another one in its place."""
    roster = roster_of_body(id, given)
    with planning(services, who, "roster.save", id) as connection:
        _check_seen(connection, who, id)
        if not seen(roster, who.scope):
            raise Problem(422, "roster", "expected one of the account's districts", field="district")
        save_roster(connection, roster)
    return roster_answer(roster)


@router.delete("/rosters/{id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=IN_SCOPE)
def remove_roster(services: Served, who: Planner, id: RosterInPath) -> None:  # noqa: A002
    """Take a roster away, with its swaps."""
    with planning(services, who, "roster.delete", id) as connection:
        _check_seen(connection, who, id)
        if not delete_roster(connection, id):
            raise not_found("roster", id)


@router.get("/duty", dependencies=IN_SCOPE)
def duty(
    services: Served,
    who: Watcher,
    begins: Annotated[Moment | None, Query(alias="from")] = None,
    ends: Annotated[Moment | None, Query(alias="to")] = None,
) -> list[TurnAnswer]:
    """Who is on, and where nobody is; by default now."""
    first = services.now() if begins is None else begins
    last = first + 1 if ends is None else ends
    if not 0 < last - first <= _MOST_DAYS * DAY:
        raise Problem(422, "invalid", f"expected an end after the beginning, within {_MOST_DAYS} days", field="to")
    with read(services.engine) as connection:
        found = [t for r in rosters_in(connection, who.scope) for t in turns_between(connection, r, first, last)]
    return [turn_answer(t) for t in found]


@router.get("/duty/outlook", dependencies=IN_SCOPE)
def outlook(services: Served, who: Watcher) -> OutlookAnswer:
    """Gaps, and people whom a page may not reach, in the next 14 days."""
    with read(services.engine) as connection:
        return outlook_answer(connection, rosters_in(connection, who.scope), services.channels, services.now())


@router.get("/duty/changes", dependencies=IN_SCOPE)
def list_changes(services: Served, who: Watcher) -> list[ChangeAnswer]:
    """Swaps of today and later, those that wait for a decision first."""
    with read(services.engine) as connection:
        there = {r.id for r in rosters_in(connection, who.scope)}
        rows = changes.list_changes(connection, day_of(services.now()))
        return [ChangeAnswer(**r._mapping) for r in rows if r.roster in there]


@router.post("/duty/changes", status_code=status.HTTP_201_CREATED, dependencies=IN_SCOPE)
def ask_change(services: Served, who: Actor, given: ChangeBody) -> list[ChangeAnswer]:
    """Ask that somebody else takes a shift; it counts when a planner has approved it."""
    part = changes.Part(given.roster, given.day, given.shift, given.level)
    with planning(services, who, "duty.ask", given.roster, note=given.reason) as connection:
        _check_seen(connection, who, given.roster)
        if given.taker not in candidates(connection, who.scope):
            raise changes.ChangeError("unknown_user", f"there is no active user {given.taker!r}")
        changes.ask(connection, part, given.taker, reason=given.reason, by=who.name, now=services.now())
    return list_changes(services, who)


@router.post("/duty/changes/{number}/approve", status_code=status.HTTP_204_NO_CONTENT, dependencies=IN_SCOPE)
def approve_change(services: Served, who: Planner, number: NumberInPath) -> None:
    """Let it count."""
    decide(services, who, number, approved=True)


@router.post("/duty/changes/{number}/refuse", status_code=status.HTTP_204_NO_CONTENT, dependencies=IN_SCOPE)
def refuse_change(services: Served, who: Planner, number: NumberInPath) -> None:
    """Turn it down."""
    decide(services, who, number, approved=False)


@router.get("/duty/absences", dependencies=IN_SCOPE)
def list_absences(services: Served, who: Watcher) -> list[AbsenceAnswer]:
    """Who is or will be away."""
    with read(services.engine) as connection:
        rows = changes.list_absences(connection, services.now())
        return [AbsenceAnswer(**r._mapping) for r in rows if _is_theirs(connection, who, r.user)]


@router.post("/duty/absences", status_code=status.HTTP_201_CREATED, dependencies=IN_SCOPE)
def add_absence(services: Served, who: Planner, given: AbsenceBody) -> list[AbsenceAnswer]:
    """Note that somebody will be away: their shifts are gaps until others take them."""
    with planning(services, who, "absence.note", given.user, note=given.reason) as connection:
        if not _is_theirs(connection, who, given.user):
            raise Problem(
                422, "unknown_user", f"nobody on the account's rosters is called {given.user!r}", field="user"
            )
        changes.note_absence(
            connection, given.user, given.from_at, given.to_at, reason=given.reason, by=who.name
        )  # fmt: skip
    return list_absences(services, who)


@router.delete("/duty/absences/{number}", status_code=status.HTTP_204_NO_CONTENT, dependencies=IN_SCOPE)
def remove_absence(services: Served, who: Planner, number: NumberInPath) -> None:
    """They are there after all."""
    with planning(services, who, "absence.drop", str(number)) as connection:
        known = {r.id: r.user for r in changes.list_absences(connection, 0)}
        if number not in known or not _is_theirs(connection, who, known[number]):
            raise not_found("absence", str(number))
        if not changes.drop_absence(connection, number):
            raise not_found("absence", str(number))


@router.get("/duty/calendar")
def calendar(services: Served, _: Watcher) -> list[CalendarDay]:
    """Holidays and working days at weekends, from today on."""
    with read(services.engine) as connection:
        rows = changes.list_calendar(connection, day_of(services.now()))
        return [CalendarDay(**r._mapping) for r in rows]


@router.put("/duty/calendar")
def put_calendar(services: Served, who: Planner, given: CalendarBody) -> list[CalendarDay]:
    """Take days from a CSV table: in each year that they name, they replace all that were there."""
    with planning(services, who, "calendar.save") as connection:
        changes.save_calendar(connection, changes.read_calendar(given.csv))
    return calendar(services, who)


@router.get("/duty/policy")
def policy(services: Served, _: Watcher) -> PolicyAnswer:
    """Who is called in which order, by severity."""
    with read(services.engine) as connection:
        found = load_policy(connection)
    bodies = {s: [StepBody(target=x.target, times=x.times, minutes=x.minutes) for x in found[s]] for s in found}
    return PolicyAnswer(**bodies)


@router.put("/duty/policy/{severity}")
def put_policy(services: Served, who: Planner, severity: SeverityInPath, given: PolicyBody) -> PolicyAnswer:
    """Decide the order for a severity."""
    with planning(services, who, "policy.save", severity) as connection:
        save_policy(connection, severity, [Step(s.target, s.times, s.minutes) for s in given.steps])
    return policy(services, who)


def decide(services: Services, who: Caller, number: int, *, approved: bool) -> None:
    """Approve or refuse a swap.

    Raises
    ------
    Problem
    """
    with planning(services, who, "duty.approve" if approved else "duty.refuse", str(number)) as connection:
        _check_seen(connection, who, changes.roster_of_change(connection, number) or "")
        changes.decide(connection, number, approved=approved, by=who.name, now=services.now())


def _check_seen(connection: Connection, who: Caller, roster_id: str) -> None:
    """Let nobody touch another district's roster: for them it is not there."""
    other = next((r for r in load_rosters(connection) if r.id == roster_id), None)
    if other is not None and not seen(other, who.scope):
        raise not_found("roster", roster_id)


def _is_theirs(connection: Connection, who: Caller, name: str) -> bool:
    return who.scope.districts is None or name in people_in(rosters_in(connection, who.scope))


@contextmanager
def planning(
    services: Services, who: Caller, action: str, subject: str = "", *, note: str = ""
) -> Iterator[Connection]:
    """A transaction that plans duty; what cannot be planned so is a problem.

    Raises
    ------
    Problem
    """
    with services.acting(who, action, subject, note=note) as connection:
        try:
            yield connection
        except BadRoster as error:
            raise Problem(422, "roster", str(error), field=error.field) from error
        except changes.ChangeError as error:
            raise Problem(_STATUS.get(error.reason, 422), error.reason, str(error)) from error
        except BadPolicy as error:
            raise Problem(422, "policy", str(error), field="steps") from error
