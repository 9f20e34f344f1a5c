"""Alerts: seeing, acknowledging, resetting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from stillcold_server.alerts.lifecycle import NotAllowed, UnknownAlert, acknowledge, reset
from stillcold_server.alerts.shelving import shelve, unshelve
from stillcold_server.api.guard import Actor, Caller, InScope, Watcher
from stillcold_server.api.models.alerts import Alert, AlertDetail, Shelving
from stillcold_server.api.models.base import Note
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.alerts import list_alerts, load_alert
from stillcold_server.api.routes.parameters import IdInPath, IdInQuery, Limit
from stillcold_server.api.services import Served, Services
from stillcold_server.store.database import read

router = APIRouter(tags=["alerts"])


@router.get("/alerts")
def alerts(
    services: Served,
    _: Watcher,
    scope: InScope,
    open: Annotated[bool | None, Query(description="not yet back to normal")] = None,  # noqa: A002
    line: IdInQuery = None,
    kind: IdInQuery = None,
    limit: Limit = 100,
) -> list[Alert]:
    """The newest alerts first."""
    with read(services.engine) as connection:
        return list_alerts(connection, scope, open=open, line=line, kind=kind, limit=limit)


@router.get("/alerts/{id}")
def alert(services: Served, _: Watcher, id: IdInPath) -> AlertDetail:  # noqa: A002
    """One alert with journal and deliveries."""
    with read(services.engine) as connection:
        found = load_alert(connection, id)
    if found is None:
        raise not_found("alert", id)
    return found


@router.post("/alerts/{id}/acknowledge")
def acknowledge_alert(services: Served, who: Actor, id: IdInPath, given: Note) -> AlertDetail:  # noqa: A002
    """Take an alert up."""
    with changing(services, who, "alert.acknowledge", id, note=given.note) as connection:
        acknowledge(connection, id, actor=who.name, note=given.note, now=services.now())
    return alert(services, who, id)


@router.post("/alerts/{id}/reset")
def reset_alert(services: Served, who: Actor, id: IdInPath, given: Note) -> AlertDetail:  # noqa: A002
    """Close a latched alert after looking at the line."""
    with changing(services, who, "alert.reset", id, note=given.note) as connection:
        reset(connection, id, actor=who.name, note=given.note, now=services.now())
    return alert(services, who, id)


@router.post("/alerts/{id}/shelve")
def shelve_alert(services: Served, who: Actor, id: IdInPath, given: Shelving) -> AlertDetail:  # noqa: A002
    """Put an alarm aside for a time."""
    with changing(services, who, "alert.shelve", id, note=given.reason) as connection:
        shelve(connection, id, actor=who.name, reason=given.reason, until=given.until, now=services.now())
    return alert(services, who, id)


@router.post("/alerts/{id}/unshelve")
def unshelve_alert(services: Served, who: Actor, id: IdInPath, given: Note) -> AlertDetail:  # noqa: A002
    """Take an alarm off the shelf before its time."""
    with changing(services, who, "alert.unshelve", id, note=given.note) as connection:
        unshelve(connection, id, actor=who.name, note=given.note, now=services.now(), page=services.page)
    return alert(services, who, id)


@contextmanager
def changing(services: Services, who: Caller, action: str, subject: str, *, note: str = "") -> Iterator[Connection]:
    """A transaction that does something to an alert or an incident; open consoles are told afterwards.

    Raises
    ------
    Problem
        404 for an unknown alert, 409 with the reason when its state does not allow it.
    """
    try:
        with services.acting(who, action, subject, note=note) as connection:
            yield connection
    except UnknownAlert as error:
        raise not_found("alert", subject) from error
    except NotAllowed as error:
        raise Problem(409, error.reason, str(error)) from error
    services.hub.publish("alerts")
