"""One's own account: the second factor with its QR code, and one's sessions."""

from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stillcold_server.api.guard import FRESH, Anyone, Caller
from stillcold_server.api.models.people import Code, NewFactor
from stillcold_server.api.problems import Problem
from stillcold_server.api.refusals import note_refusal
from stillcold_server.api.routes import security as api
from stillcold_server.api.routes.parameters import IdInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.console.pages import Console, View, go
from stillcold_server.people.factors import has_factor
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)


@router.get("/security")
def security(request: Request, console: View, services: Served, who: Anyone) -> Response:
    """Whether there is a second factor, and how to get one."""
    return _page(request, console, services, who)


@router.post("/security/factor", dependencies=FRESH)
def begin(request: Request, console: View, services: Served, who: Anyone) -> Response:
    """Show the secret, once, as a QR code and as letters."""
    return _page(request, console, services, who, made=api.begin_factor(services, who))


@router.post("/security/factor/confirm")
def confirm(request: Request, console: View, services: Served, who: Anyone, given: Annotated[Code, Form()]) -> Response:
    """Show the recovery codes, once."""
    try:
        codes = api.confirm_factor(services, who, given).recovery_codes
    except Problem as problem:
        return _refused(request, console, services, who, problem)
    return _page(request, console, services, who, codes=codes)


@router.post("/security/factor/remove", dependencies=FRESH)
def remove(request: Request, console: View, services: Served, who: Anyone, given: Annotated[Code, Form()]) -> Response:
    """Take it away."""
    try:
        api.remove_factor(services, who, given)
    except Problem as problem:
        return _refused(request, console, services, who, problem)
    return go("/security", request)


@router.post("/security/sessions/end-others")
def end_others(request: Request, services: Served, who: Anyone) -> Response:
    """End the other sessions of the account."""
    api.end_others(services, who)
    return go("/security", request)


@router.post("/security/sessions/{id}/end")
def end_one(request: Request, services: Served, who: Anyone, id: IdInPath) -> Response:  # noqa: A002
    """End one of them; after this one, the next page asks for a login."""
    api.end_one(services, who, id)
    return go("/security", request)


def _refused(request: Request, console: Console, services: Services, who: Caller, problem: Problem) -> Response:
    note_refusal(services, who, f"POST {request.url.path}", who.name, problem.word)
    page = _page(request, console, services, who, said=problem.word, status=problem.status)
    page.headers.update(problem.headers)
    return page


def _page(
    request: Request,
    console: Console,
    services: Services,
    who: Caller,
    *,
    made: NewFactor | None = None,
    codes: list[str] | None = None,
    said: str | None = None,
    status: int = 200,
) -> Response:
    with read(services.engine) as connection:
        confirmed = has_factor(connection, who.name)
    qr = segno.make(made.uri, error="m").svg_inline(scale=5, svgclass="qr", lineclass=None) if made else None
    return console.page(
        request, "security.html", who=who, status=status, confirmed=confirmed, made=made, qr=qr, codes=codes, said=said,
        sessions=api.own_sessions(services, who),
    )  # fmt: skip
