"""Alerts: seeing, acknowledging, resetting."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from stillcold_server.alerts.lifecycle import NotAllowed, UnknownAlert, acknowledge, reset
from stillcold_server.alerts.shelving import shelve, unshelve
from stillcold_server.api.guard import Officer, Viewer
from stillcold_server.api.models.alerts import Alert, AlertDetail, Shelving
from stillcold_server.api.models.base import Note
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.alerts import list_alerts, load_alert
from stillcold_server.api.routes.parameters import IdInPath, IdInQuery, Limit
from stillcold_server.api.services import Served, Services
from stillcold_server.store.database import read, write

router = APIRouter(tags=["alerts"])


@router.get("/alerts")
def alerts(
    services: Served,
    _: Viewer,
    open: Annotated[bool | None, Query(description="not yet back to normal")] = None,  # noqa: A002
    line: IdInQuery = None,
    kind: IdInQuery = None,
    limit: Limit = 100,
) -> list[Alert]:
    """The newest alerts first."""
    with read(services.engine) as connection:
        return list_alerts(connection, open=open, line=line, kind=kind, limit=limit)


@router.get("/alerts/{id}")
def alert(services: Served, _: Viewer, id: IdInPath) -> AlertDetail:  # noqa: A002
    """One alert with journal and deliveries."""
    with read(services.engine) as connection:
        found = load_alert(connection, id)
    if found is None:
        raise not_found("alert", id)
    return found


@router.post("/alerts/{id}/acknowledge")
def acknowledge_alert(services: Served, who: Officer, id: IdInPath, given: Note) -> AlertDetail:  # noqa: A002
    """Take an alert up."""
    return change(services, id, lambda c: acknowledge(c, id, actor=who.name, note=given.note, now=services.now()))


@router.post("/alerts/{id}/reset")
def reset_alert(services: Served, who: Officer, id: IdInPath, given: Note) -> AlertDetail:  # noqa: A002
    """Close a latched alert after looking at the line."""
    return change(services, id, lambda c: reset(c, id, actor=who.name, note=given.note, now=services.now()))


@router.post("/alerts/{id}/shelve")
def shelve_alert(services: Served, who: Officer, id: IdInPath, given: Shelving) -> AlertDetail:  # noqa: A002
    """Put an alarm aside for a time."""
    now = services.now()
    return change(
        services, id, lambda c: shelve(c, id, actor=who.name, reason=given.reason, until=given.until, now=now)
    )


@router.post("/alerts/{id}/unshelve")
def unshelve_alert(services: Served, who: Officer, id: IdInPath, given: Note) -> AlertDetail:  # noqa: A002
    """Take an alarm off the shelf before its time."""
    now, page = services.now(), services.page
    return change(services, id, lambda c: unshelve(c, id, actor=who.name, note=given.note, now=now, page=page))


def change(services: Services, alert_id: str, act: Callable[[Connection], None]) -> AlertDetail:
    """Do something to an alert in one transaction, tell open consoles, and show what it is now.

    Raises
    ------
    Problem
        404 for an unknown alert, 409 with the reason when its state does not allow it.
    """
    with write(services.engine) as connection:
        try:
            act(connection)
        except UnknownAlert as error:
            raise not_found("alert", alert_id) from error
        except NotAllowed as error:
            raise Problem(409, error.reason, str(error)) from error
        found = load_alert(connection, alert_id)
    services.hub.publish("alerts")
    if found is None:
        raise not_found("alert", alert_id)
    return found
