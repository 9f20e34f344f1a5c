"""Lines: what is proved of each."""

from collections.abc import Iterable
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stillcold_core.registry import Role
from stillcold_server.alerts.lifecycle import OPEN
from stillcold_server.api.guard import InScope, Watcher
from stillcold_server.api.models.alerts import Alert
from stillcold_server.api.models.registry import Line, Point
from stillcold_server.api.problems import not_found
from stillcold_server.api.read.alerts import Wanted, list_alerts
from stillcold_server.api.read.lines import list_lines, list_points
from stillcold_server.api.routes.parameters import IdInPath
from stillcold_server.api.services import Served
from stillcold_server.console.charts import chart_of_point
from stillcold_server.console.heats import Heat, heats_of
from stillcold_server.console.incidents import group
from stillcold_server.console.pages import View
from stillcold_server.console.witnesses import list_witnesses
from stillcold_server.store.database import read
from stillcold_server.verification.standing import passed

router = APIRouter(include_in_schema=False)
_HOURS = 6
_ALERTS = 60


@router.get("/lines")
def lines(request: Request, console: View, services: Served, who: Watcher, scope: InScope) -> Response:
    """All lines, those that need somebody first."""
    with read(services.engine) as connection:
        found = list_lines(connection, services.now(), scope)
    return console.page(request, "lines.html", who=who, lines=sorted(found, key=urgency))


@router.get("/lines/{id}")
def line(request: Request, console: View, services: Served, who: Watcher, id: IdInPath) -> Response:  # noqa: A002
    """One line with the curves of the last hours."""
    with read(services.engine) as connection:
        found = list_lines(connection, services.now(), who.scope, line=id)
        points = list_points(connection, who.scope, line=id)
        alerts = list_alerts(connection, who.scope, Wanted(line=id), _ALERTS)
        witnesses = list_witnesses(connection, id)
        certificate = passed(connection, id)
    if not found:
        raise not_found("line", id)
    return console.page(
        request,
        "line.html",
        who=who,
        line=found[0],
        points=points,
        charts=[(p, chart_of_point(p, _HOURS, _heats(alerts, p.id))) for p in sorted(points, key=_order)],
        incidents=sorted(group(alerts), key=lambda i: -i.head.detected),
        furnaces=[(a, heats_of(a.evidence)) for a in alerts if a.state in OPEN and "heats" in a.evidence],
        witnesses=witnesses,
        certificate=certificate,
        hours=_HOURS,
    )


def urgency(line: Line) -> int:
    """0 for a sealed line that lives, 1 for one of which nothing is proved, 2 for what is as it should be."""
    if line.state != "sealed":
        return 2
    return ("live", "unknown", "dead").index(line.condition)


def _order(point: Point) -> int:
    return get_args(Role).index(point.role)


def _heats(alerts: Iterable[Alert], point: str) -> list[Heat]:
    return [heat for a in alerts if a.point == point for heat in heats_of(a.evidence)]
