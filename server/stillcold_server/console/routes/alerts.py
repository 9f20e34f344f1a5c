"""The list of alerts, one alert, and acting on an incident."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from stillcold_server.api.guard import Actor, InScope, Watcher
from stillcold_server.api.models.alerts import Shelving
from stillcold_server.api.models.base import Note, Reasoned
from stillcold_server.api.problems import not_found
from stillcold_server.api.read.alerts import Wanted, list_alerts, load_alert
from stillcold_server.api.read.lines import list_points
from stillcold_server.api.routes.alerts import changing, shelve_alert, unshelve_alert
from stillcold_server.api.routes.parameters import IdInPath, IdInQuery
from stillcold_server.api.services import Served
from stillcold_server.console.charts import chart_of_alert, neighbours
from stillcold_server.console.heats import figures_of, heats_of, weights_of
from stillcold_server.console.incidents import Incident, acknowledge_all, group, load_incident, reset_all
from stillcold_server.console.pages import View, go, safe_next
from stillcold_server.console.readings import tables_of
from stillcold_server.days import HOUR
from stillcold_server.people.scope import Scope
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)
_CLOSED = 60
_MOST = 1000
Around = Annotated[int | None, Query(ge=10, le=604_800, description="s before and after the event")]


@router.get("/alerts")
def alerts(
    request: Request, console: View, services: Served, who: Watcher, scope: InScope, line: IdInQuery = None
) -> Response:
    """What waits, what is in hand, what was closed lately."""
    with read(services.engine) as connection:
        standing = list_alerts(connection, scope, Wanted(open=True, line=line), _MOST + 1)
        closed = group(list_alerts(connection, scope, Wanted(open=False, line=line), _CLOSED))
    more, standing = len(standing) > _MOST, standing[:_MOST]
    open_ = [i for i in group(standing) if not i.hidden]
    known = {a.incident for a in standing}
    return console.page(
        request,
        "alerts.html",
        who=who,
        line=line,
        most=_MOST if more else None,
        waiting=[i for i in open_ if i.waiting],
        in_hand=[i for i in open_ if not i.waiting],
        hidden=[a for a in standing if a.flag is not None],
        closed=[i for i in closed if i.id not in known],
    )


@router.get("/alerts/{id}")
def alert(
    request: Request,
    console: View,
    services: Served,
    who: Watcher,
    id: IdInPath,  # noqa: A002
    around: Around = None,
) -> Response:
    """One alert: what happened, the curves around it, what was done."""
    with read(services.engine) as connection:
        found = load_alert(connection, id)
        incident = load_incident(connection, who.scope, found.incident) if found else None
        points = neighbours(connection, who.scope)
        newest = list_points(connection, who.scope, point=found.point)[0].sampled_at if found else None
    if found is None or incident is None:
        raise not_found("alert", id)
    return console.page(
        request,
        "alert.html",
        who=who,
        alert=found,
        incident=incident,
        chart=chart_of_alert(found, points, around and around * 1000),
        around=around,
        newest=newest,
        heats=heats_of(found.evidence),
        weights=weights_of(found.evidence),
        figures=figures_of(found.evidence),
    )


@router.get("/alerts/{id}/readings")
def readings(
    request: Request,
    console: View,
    services: Served,
    who: Watcher,
    id: IdInPath,  # noqa: A002
    around: Around = None,
) -> Response:
    """The figures behind an alert's curves."""
    with read(services.engine) as connection:
        found = load_alert(connection, id)
        if found is None:
            raise not_found("alert", id)
        chart = chart_of_alert(found, neighbours(connection, who.scope), around and around * 1000)
        tables = tables_of(connection, chart)
    return console.page(request, "readings.html", who=who, alert=found, tables=tables, around=around)


@router.post("/alerts/{id}/shelve")
def shelve(
    request: Request,
    services: Served,
    who: Actor,
    id: IdInPath,  # noqa: A002
    reason: Annotated[Reasoned, Form()],
    hours: Annotated[int, Form(ge=1, le=24)],
) -> Response:
    """Put an alarm aside for some hours."""
    shelve_alert(services, who, id, Shelving(reason=reason, until=services.now() + hours * HOUR))
    return go(safe_next(request.query_params.get("next", ""), "/alerts"), request)


@router.post("/alerts/{id}/unshelve")
def unshelve(
    request: Request,
    services: Served,
    who: Actor,
    id: IdInPath,  # noqa: A002
    given: Annotated[Note, Form()],
) -> Response:
    """Take an alarm off the shelf before its time."""
    unshelve_alert(services, who, id, given)
    return go(safe_next(request.query_params.get("next", ""), "/alerts"), request)


@router.post("/incidents/{id}/acknowledge")
def acknowledge(
    request: Request,
    services: Served,
    who: Actor,
    id: IdInPath,  # noqa: A002
    given: Annotated[Note, Form()],
) -> Response:
    """Take up everything that waits in an incident."""
    note = given.note.strip()
    with changing(services, who, "incident.acknowledge", id, note=note) as connection:
        acknowledge_all(connection, _incident(connection, who.scope, id), actor=who.name, note=note, now=services.now())
    return go(safe_next(request.query_params.get("next", ""), "/alerts"), request)


@router.post("/incidents/{id}/reset")
def reset(
    request: Request,
    services: Served,
    who: Actor,
    id: IdInPath,  # noqa: A002
    given: Annotated[Note, Form()],
) -> Response:
    """Close an incident that is over."""
    note = given.note.strip()
    with changing(services, who, "incident.reset", id, note=note) as connection:
        reset_all(connection, _incident(connection, who.scope, id), actor=who.name, note=note, now=services.now())
    return go(safe_next(request.query_params.get("next", ""), "/alerts"), request)


def _incident(connection: Connection, scope: Scope, incident_id: str) -> Incident:
    incident = load_incident(connection, scope, incident_id)
    if incident is None:
        raise not_found("incident", incident_id)
    return incident
