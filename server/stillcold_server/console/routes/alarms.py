"""Every alert there ever was, and how the alarm system does."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BeforeValidator, Field

from stillcold_server.alerts.lifecycle import UnknownAlert
from stillcold_server.alerts.stages import FLAGS, SEVERITIES
from stillcold_server.api.guard import IN_SCOPE, Approver, Watcher
from stillcold_server.api.models.alerts import OutOfService
from stillcold_server.api.models.base import Note, Reasoned
from stillcold_server.api.problems import Problem
from stillcold_server.api.read.alarms import list_stages, list_unserviced
from stillcold_server.api.read.alerts import Wanted, list_alerts
from stillcold_server.api.read.performance import load_performance
from stillcold_server.api.routes.alarms import return_to_service, take_from_service
from stillcold_server.api.routes.parameters import Id, NumberInPath
from stillcold_server.api.services import Served
from stillcold_server.console.naming import line_names
from stillcold_server.console.pages import View, go
from stillcold_server.days import DAY
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)
_PAGE = 50
_FAMILIES = ("restart", "furnace", "tamper", "silence", "quality")
_LEFT_EMPTY = BeforeValidator(lambda text: text or None)
"""Of a form: what is left empty asks for nothing."""
Chosen = Annotated[Id | None, _LEFT_EMPTY, Query()]
_Count = Annotated[int, Field(ge=1, le=100)]  # within: bounds of the whole would be asked of None
Officers = Annotated[_Count | None, _LEFT_EMPTY, Query()]


@router.get("/history", dependencies=IN_SCOPE)
def history(
    request: Request,
    console: View,
    services: Served,
    who: Watcher,
    kind: Chosen = None,
    severity: Chosen = None,
    flag: Chosen = None,
    line: Chosen = None,
    days: Annotated[int, Query(ge=1, le=3660)] = 366,
    after: Chosen = None,
) -> Response:
    """All alerts, a page at a time."""
    start = services.now() - days * DAY
    wanted = Wanted(kind=kind, severity=severity, flag=flag, line=line, start=start, after=after)
    with read(services.engine) as connection:
        try:
            found = list_alerts(connection, who.scope, wanted, _PAGE + 1)
        except UnknownAlert as error:
            raise Problem(422, "invalid", "expected the id of an alert", field="after") from error
        lines = line_names(connection, who.scope)
    page = found[:_PAGE]
    older = request.url.include_query_params(after=page[-1].id).query if len(found) > len(page) else None
    return console.page(
        request, "history.html", who=who, alerts=page, wanted=wanted, days=days, older=older,
        families=_FAMILIES, severities=SEVERITIES, hidden=("none", *FLAGS), lines=lines,
    )  # fmt: skip


@router.get("/performance", dependencies=IN_SCOPE)
def performance(
    request: Request,
    console: View,
    services: Served,
    who: Watcher,
    days: Annotated[int, Query(ge=1, le=92)] = 7,
    officers: Officers = None,
) -> Response:
    """The figures beside what is recommended, the stages, what is out of service."""
    now = services.now()
    with read(services.engine) as connection:
        figures = load_performance(connection, who.scope, now - days * DAY, now, now, officers)
        stages = list_stages(connection, now - days * DAY, who.scope)
        out = list_unserviced(connection, now, who.scope)
        lines = line_names(connection, who.scope)
    return console.page(
        request, "performance.html", who=who, figures=figures, stages=stages, out=out, days=days, lines=lines
    )


@router.post("/out-of-service", dependencies=IN_SCOPE)
def take_out(
    request: Request,
    services: Served,
    who: Approver,
    line: Annotated[Id, Form()],
    reason: Annotated[Reasoned, Form()],
    days: Annotated[int, Form(ge=1, le=31)],
    point: Annotated[Id | None, _LEFT_EMPTY, Form()] = None,
) -> Response:
    """Take a line, or one of its points, out of service for some days."""
    until = services.now() + days * DAY
    take_from_service(services, who, OutOfService(line=line, point=point, reason=reason, until=until))
    return go("/performance#service", request)


@router.post("/out-of-service/{number}/end", dependencies=IN_SCOPE)
def put_back(
    request: Request, services: Served, who: Approver, number: NumberInPath, given: Annotated[Note, Form()]
) -> Response:
    """Put it back before its time."""
    return_to_service(services, who, number, given.note)
    return go("/performance#service", request)
