"""What was refused to somebody who is logged in goes into the audit log."""

import logging

from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import Route

from stillcold_server.api.guard import SAFE, Caller
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Services, services_of
from stillcold_server.audit.chain import append
from stillcold_server.store.database import write

log = logging.getLogger(__name__)


def note_refused_request(request: Request, problem: Problem) -> None:
    """Write down a request that was to change something, or to see what the caller's roles do not show."""
    who: Caller | None = getattr(request.state, "who", None)
    if who is None or (request.method in SAFE and problem.word != "role"):
        return
    route = request.scope.get("route")
    template = route.path if isinstance(route, Route) else request.url.path
    try:
        note_refusal(services_of(request), who, f"{request.method} {template}", request.url.path, problem.word)
    except SQLAlchemyError:  # the refusal stands all the same
        log.exception("a refusal of %s to %s could not be written down", request.url.path, who.name)


def note_refusal(services: Services, who: Caller, action: str, subject: str, outcome: str) -> None:
    """Write down that something was not done, and why."""
    with write(services.engine) as connection:
        append(connection, who, action, subject, outcome=outcome, now=services.now())
