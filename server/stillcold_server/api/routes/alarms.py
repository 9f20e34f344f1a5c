"""The alarm system itself: its stages, and what was taken out of service."""

from typing import Annotated

from fastapi import APIRouter, Query

from stillcold_server.alerts.lifecycle import NotAllowed
from stillcold_server.alerts.shelving import put_back, take_out
from stillcold_server.api.guard import Approver, Caller, InScope, Watcher
from stillcold_server.api.models.alerts import AlertStage, OutOfService, Unserviced
from stillcold_server.api.models.base import Note
from stillcold_server.api.models.performance import AlarmPerformance
from stillcold_server.api.moments import Moment
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.alarms import is_entry, list_stages, list_unserviced
from stillcold_server.api.read.lines import list_points
from stillcold_server.api.read.performance import load_performance
from stillcold_server.api.routes.parameters import NumberInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.days import DAY, HOUR
from stillcold_server.store.database import read

router = APIRouter(tags=["alarms"])
_WEEK = 7 * DAY
_LONGEST = 92 * DAY
Hours = Annotated[int, Query(ge=1, le=24 * 92, description="of the period that ends now")]


@router.get("/alert-stages")
def stages(services: Served, _: Watcher, scope: InScope, hours: Hours = 24) -> list[AlertStage]:
    """The stages of the pipeline, in order, with what each has held back."""
    with read(services.engine) as connection:
        return list_stages(connection, services.now() - hours * HOUR, scope)


@router.get("/alarm-performance")
def performance(
    services: Served,
    _: Watcher,
    scope: InScope,
    start: Annotated[Moment | None, Query(alias="from")] = None,
    end: Annotated[Moment | None, Query(alias="to")] = None,
    officers: Annotated[
        int | None, Query(ge=1, le=100, description="on duty at a time; by default those of the roster")
    ] = None,
) -> AlarmPerformance:
    """Figures of the alarm system, by default of the last week, beside what EEMUA 191 and ISA-18.2 recommend."""
    now = services.now()
    last = now if end is None else end
    first = last - _WEEK if start is None else start
    if not 0 < last - first <= _LONGEST:
        raise Problem(422, "invalid", "must be earlier than `to`, by 92 days at most", field="from")
    with read(services.engine) as connection:
        return load_performance(connection, scope, first, last, now, officers)


@router.get("/out-of-service")
def out_of_service(services: Served, _: Watcher, scope: InScope) -> list[Unserviced]:
    """Lines and points that are out of service now."""
    with read(services.engine) as connection:
        return list_unserviced(connection, services.now(), scope)


@router.post("/out-of-service", status_code=201)
def take_out_of_service(services: Served, who: Approver, _: InScope, given: OutOfService) -> list[Unserviced]:
    """Take a line, or one of its points, out of service for a time."""
    return take_from_service(services, who, given)


@router.post("/out-of-service/{number}/end")
def end_out_of_service(
    services: Served, who: Approver, _: InScope, number: NumberInPath, given: Note
) -> list[Unserviced]:
    """Put a line or point back into service before its time."""
    return return_to_service(services, who, number, given.note)


def take_from_service(services: Services, who: Caller, given: OutOfService) -> list[Unserviced]:
    """Take something out of service in one transaction; what is out then.

    Raises
    ------
    Problem
        404 for a line or point that there is not, 409 with the reason where the time does not do.
    """
    now = services.now()
    with services.acting(who, "service.out", given.point or given.line, note=given.reason) as connection:
        points = list_points(connection, who.scope, line=given.line)
        if not points:
            raise not_found("line", given.line)
        if given.point is not None and given.point not in {p.id for p in points}:
            raise not_found("point", given.point)
        try:
            take_out(
                connection, given.line, given.point,
                actor=who.name, reason=given.reason, until=given.until, now=now, page=services.page,
            )  # fmt: skip
        except NotAllowed as error:
            raise Problem(409, error.reason, str(error)) from error
        found = list_unserviced(connection, now, who.scope)
    services.hub.publish("alerts")
    return found


def return_to_service(services: Services, who: Caller, number: int, note: str) -> list[Unserviced]:
    """Put something back into service in one transaction; what is still out then.

    Raises
    ------
    Problem
        404 for an entry that there is not, 409 ``in_service`` where it is over.
    """
    now = services.now()
    with services.acting(who, "service.back", f"entry {number}", note=note) as connection:
        if not is_entry(connection, number, who.scope):
            raise not_found("entry", str(number))
        try:
            put_back(connection, number, actor=who.name, note=note, now=now, page=services.page)
        except NotAllowed as error:
            raise Problem(409, error.reason, str(error)) from error
        found = list_unserviced(connection, now, who.scope)
    services.hub.publish("alerts")
    return found
