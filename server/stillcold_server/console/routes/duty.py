"""Who is on duty: the week, the exceptions, and the order of calls."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import ValidationError
from sqlalchemy import select

from stillcold_server.api.guard import IN_SCOPE, Actor, Planner, Watcher
from stillcold_server.api.models.duty import (
    AbsenceBody,
    CalendarBody,
    ChangeBody,
    Day,
    PolicyBody,
    RosterBody,
    TestPageBody,
)
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.duty import candidates, outlook_answer, roster_answer, rosters_in
from stillcold_server.api.routes import contacts, rosters
from stillcold_server.api.routes.parameters import ROSTER, NumberInPath, RosterInPath, SeverityInPath
from stillcold_server.api.services import Served
from stillcold_server.console.pages import View, go
from stillcold_server.days import DAY, begin_of, day_of
from stillcold_server.duty.policy import MOST_STEPS, TARGETS
from stillcold_server.duty.roster import DAYS, LEVELS, Roster, Turn
from stillcold_server.duty.rosters import people_on, turns_between
from stillcold_server.store.database import read
from stillcold_server.store.schema import district

router = APIRouter(include_in_schema=False)
_SHIFTS = 4
Text = Annotated[str, Form(max_length=1000)]
Texts = Annotated[list[str], Form(max_length=20)]


@router.get("/duty", dependencies=IN_SCOPE)
def duty(
    request: Request, console: View, services: Served, who: Watcher, week: Annotated[Day | None, Query()] = None
) -> Response:
    """The week, who is on now, and what is wrong with the days to come."""
    now = services.now()
    today = day_of(now)
    monday = (week or today) - timedelta(days=(week or today).weekday())
    with read(services.engine) as connection:
        found = rosters_in(connection, who.scope)
        shown = [(r, _week(monday, turns_between(connection, r, *_bounds(r, monday)))) for r in found]
        on = {r.id: people_on(connection, r, now) for r in found}
        outlook = outlook_answer(connection, found, services.channels, now)
    return console.page(
        request,
        "duty.html",
        who=who,
        rosters=shown,
        on=on,
        outlook=outlook,
        today=today,
        monday=monday,
        before=monday - timedelta(days=7),
        after=monday + timedelta(days=7),
    )


@router.post("/duty/test-page", dependencies=IN_SCOPE)
def test_page(request: Request, services: Served, who: Watcher, to: Text) -> Response:
    """Send a test page."""
    contacts.send_test_page(services, who, checked(TestPageBody, to=to))
    return go("/deliveries", request)


@router.get("/duty/changes", dependencies=IN_SCOPE)
def exceptions(request: Request, console: View, services: Served, who: Watcher) -> Response:
    """Swaps, absences and the calendar."""
    with read(services.engine) as connection:
        found = [roster_answer(r) for r in rosters_in(connection, who.scope)]
        people = candidates(connection, who.scope)
    return console.page(
        request,
        "duty_changes.html",
        who=who,
        rosters=found,
        levels=LEVELS,
        people=people,
        changes=rosters.list_changes(services, who),
        absences=rosters.list_absences(services, who),
        calendar=rosters.calendar(services, who),
    )


@router.post("/duty/changes", dependencies=IN_SCOPE)
def ask(
    request: Request, services: Served, who: Actor, place: Text, day: Text, level: Text, taker: Text, reason: Text = ""
) -> Response:
    """Ask that somebody else takes a shift."""
    roster, _, shift = place.partition("/")
    body = checked(ChangeBody, roster=roster, shift=shift, day=day, level=level, taker=taker, reason=reason)
    rosters.ask_change(services, who, body)
    return go("/duty/changes", request)


@router.post("/duty/changes/{number}/approve", dependencies=IN_SCOPE)
def approve(request: Request, services: Served, who: Planner, number: NumberInPath) -> Response:
    """Let a swap count."""
    rosters.decide(services, who, number, approved=True)
    return go("/duty/changes", request)


@router.post("/duty/changes/{number}/refuse", dependencies=IN_SCOPE)
def refuse(request: Request, services: Served, who: Planner, number: NumberInPath) -> Response:
    """Turn a swap down."""
    rosters.decide(services, who, number, approved=False)
    return go("/duty/changes", request)


@router.post("/duty/absences", dependencies=IN_SCOPE)
def absent(
    request: Request,
    services: Served,
    who: Planner,
    user: Text,
    begins: Text,
    ends: Text,
    reason: Text = "",
) -> Response:
    """Note that somebody will be away, in local time."""
    body = checked(AbsenceBody, user=user, from_at=_local(begins), to_at=_local(ends), reason=reason)
    rosters.add_absence(services, who, body)
    return go("/duty/changes", request)


@router.post("/duty/absences/{number}/drop", dependencies=IN_SCOPE)
def present(request: Request, services: Served, who: Planner, number: NumberInPath) -> Response:
    """They are there after all."""
    rosters.remove_absence(services, who, number)
    return go("/duty/changes", request)


@router.post("/duty/calendar")
def calendar(request: Request, services: Served, who: Planner, file: UploadFile) -> Response:
    """Take days from a CSV file."""
    try:
        text = file.file.read(64 << 10).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(422, "calendar", "expected a CSV file in UTF-8", field="file") from error
    rosters.put_calendar(services, who, checked(CalendarBody, csv=text))
    return go("/duty/changes", request)


@router.get("/duty/policy")
def policy(request: Request, console: View, services: Served, who: Watcher) -> Response:
    """Who is called in which order."""
    found = rosters.policy(services, who)
    return console.page(request, "duty_policy.html", who=who, policy=found, targets=TARGETS, most=MOST_STEPS)


@router.post("/duty/policy/{severity}")
def save_policy(
    request: Request,
    services: Served,
    who: Planner,
    severity: SeverityInPath,
    target: Texts,
    times: Texts,
    minutes: Texts,
) -> Response:
    """Decide the order; rows without a target are left out."""
    rows = [
        {"target": t, "times": n, "minutes": m} for t, n, m in zip(target, times, minutes, strict=False) if t
    ]  # fmt: skip
    rosters.put_policy(services, who, severity, checked(PolicyBody, steps=rows))
    return go("/duty/policy", request)


@router.get("/duty/rosters/{id}", dependencies=IN_SCOPE)
def edit(request: Request, console: View, services: Served, who: Planner, id: RosterInPath) -> Response:  # noqa: A002
    """A roster to change; ``new`` for one that there is not yet."""
    with read(services.engine) as connection:
        found = next((roster_answer(r) for r in rosters_in(connection, who.scope) if r.id == id), None)
        districts = connection.execute(
            select(district).where(who.scope.district(district.c.id)).order_by(district.c.name)
        ).all()
        people = candidates(connection, who.scope)
    if found is None and id != "new":
        raise not_found("roster", id)
    return console.page(
        request,
        "duty_roster.html",
        who=who,
        roster=found,
        rows=max(_SHIFTS, len(found.shifts) + 1 if found else 0),
        days=DAYS,
        districts=districts,
        people=people,
        today=day_of(services.now()),
    )


@router.post("/duty/rosters", dependencies=IN_SCOPE)
def save(
    request: Request,
    services: Served,
    who: Planner,
    id: Annotated[str, Form(pattern=ROSTER)],  # noqa: A002
    name: Text,
    day_starts: Text,
    turn_days: Text,
    anchor: Text,
    shift: Texts,
    starts: Texts,
    ends: Texts,
    days: Texts,
    first: Texts,
    second: Texts,
    district_id: Text = "",
    supervisor: Text = "",
    continuous: Annotated[bool, Form()] = False,
) -> Response:
    """Make or change a roster; rows without a name are left out."""
    rows = [
        {"name": n, "starts": s, "ends": e, "days": d, "first": _names(one), "second": _names(two)}
        for n, s, e, d, one, two in zip(shift, starts, ends, days, first, second, strict=False)
        if n.strip()
    ]
    body = checked(
        RosterBody, name=name, day_starts=day_starts, turn_days=turn_days, anchor=anchor, shifts=rows,
        district=district_id or None, supervisor=supervisor or None, continuous=continuous,
    )  # fmt: skip
    rosters.put_roster(services, who, id, body)
    return go("/duty", request)


@router.post("/duty/rosters/{id}/delete", dependencies=IN_SCOPE)
def delete(request: Request, services: Served, who: Planner, id: RosterInPath) -> Response:  # noqa: A002
    """Take a roster away."""
    rosters.remove_roster(services, who, id)
    return go("/duty", request)


def checked(model: Any, **values: object) -> Any:
    """A request's body from a form's fields.

    Raises
    ------
    Problem
    """
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(x) for x in first["loc"])
        raise Problem(422, "invalid", f"{field}: {first['msg']}", field=field) from error


def _local(text: str) -> str:
    """A local time of a form with its offset."""
    return text if "+" in text else f"{text}+08:00"


def _names(text: str) -> list[str]:
    return [name for name in text.replace("，", ",").replace("、", ",").replace(",", " ").split() if name]


def _bounds(roster: Roster, monday: date) -> tuple[int, int]:
    begins = begin_of(monday) + roster.day_starts * 60_000
    return begins, begins + 7 * DAY


def _week(monday: date, turns: Sequence[Turn]) -> list[tuple[date, list[Turn]]]:
    days = [monday + timedelta(days=i) for i in range(7)]
    return [(day, sorted((t for t in turns if t.day == day), key=lambda t: (t.begins, t.level))) for day in days]
