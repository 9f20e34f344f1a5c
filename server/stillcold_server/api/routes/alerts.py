"""Alerts: seeing, acknowledging, resetting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import fastapi
from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import Connection

from stillcold_server.alerts.lifecycle import NotAllowed, UnknownAlert, acknowledge, reset
from stillcold_server.alerts.shelving import shelve, unshelve
from stillcold_server.alerts.stages import Flag
from stillcold_server.api.guard import Actor, Caller, InScope, Watcher
from stillcold_server.api.models.alerts import Alert, AlertDetail, AlertState, Shelving
from stillcold_server.api.models.base import Note, Request
from stillcold_server.api.moments import Moment
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.alerts import Wanted, list_alerts, load_alert
from stillcold_server.api.routes.parameters import Id, IdInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.store.database import read

router = APIRouter(tags=["alerts"])


class AlertQuery(Request):
    """Which alerts."""

    open: Annotated[bool | None, Field(description="not yet back to normal")] = None
    state: AlertState | None = None
    severity: Literal["critical", "warning", "info"] | None = None
    kind: Annotated[Id | None, Field(description="e.g. restart.power, or restart for all of them")] = None
    line: Id | None = None
    site: Id | None = None
    flag: Annotated[Flag | Literal["none"] | None, Field(description="none: what is shown")] = None
    start: Annotated[Moment | None, Field(alias="from", description="detected from then on")] = None
    end: Annotated[Moment | None, Field(alias="to", description="detected before")] = None
    after: Annotated[Id | None, Field(description="id of the last alert of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100

    def wanted(self) -> Wanted:
        """For the store."""
        return Wanted(**self.model_dump(exclude={"limit"}))


@router.get("/alerts")
def alerts(
    request: fastapi.Request,
    response: Response,
    services: Served,
    _: Watcher,
    scope: InScope,
    query: Annotated[AlertQuery, Query()],
) -> list[Alert]:
    """The newest alerts first; where there are more, the header ``Link`` leads to the next page."""
    with read(services.engine) as connection:
        try:
            found = list_alerts(connection, scope, query.wanted(), query.limit + 1)
        except UnknownAlert as error:
            raise Problem(422, "invalid", "expected the id of an alert", field="after") from error
    page = found[: query.limit]
    if len(found) > len(page):
        following = request.url.include_query_params(after=page[-1].id)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return page


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
        shelve(
            connection,
            id,
            actor=who.name,
            reason=given.reason,
            until=given.until,
            now=services.now(),
            page=services.page,
        )
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
