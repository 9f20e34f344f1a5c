"""Logging in and out, one's own password, the language."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stillcold_server.api.guard import (
    Anyone,
    check_same_origin,
    drop_cookie,
    origin_of,
    session_cookie,
    set_cookie,
)
from stillcold_server.api.login import log_in
from stillcold_server.api.problems import Problem
from stillcold_server.api.refusals import note_refusal
from stillcold_server.api.routes.account import change_own_password, end_session
from stillcold_server.api.services import Served
from stillcold_server.console.navigation import first_page
from stillcold_server.console.pages import LANGUAGE_COOKIE, View, go, safe_next
from stillcold_server.language.texts import Language
from stillcold_server.people.accounts import AccountError

router = APIRouter(include_in_schema=False)
_YEAR = 365 * 86400
Typed = Annotated[str, Form(max_length=1000)]


@router.get("/")
def home(request: Request, who: Anyone) -> Response:
    """The first page that somebody may see; of an officer, the alerts."""
    return go(first_page(who.account), request)


@router.get("/login")
def login_page(
    request: Request,
    console: View,
    next: str = "",  # noqa: A002
    changed: bool = False,
    again: bool = False,
) -> Response:
    """Ask for name and password."""
    said = "changed" if changed else "again" if again else None
    return console.page(request, "login.html", next=safe_next(next), said=said)


@router.post("/login")
def login(
    request: Request,
    console: View,
    services: Served,
    name: Typed,
    password: Typed,
    code: Typed = "",
    next: Typed = "",  # noqa: A002
) -> Response:
    """Begin a session in this browser."""
    check_same_origin(request, services)
    try:
        before = request.cookies.get(session_cookie(services))
        token = log_in(services, name.strip(), password, origin_of(request), code.strip(), before)
    except Problem as problem:
        page = console.page(request, "login.html", status=problem.status, next=safe_next(next), said=problem.word)
        page.headers.update(problem.headers)
        return page
    answer = go("/password" if token.must_change else safe_next(next), request)
    set_cookie(answer, services, token.token)
    return answer


@router.post("/logout")
def logout(request: Request, services: Served, who: Anyone) -> Response:
    """End the session."""
    end_session(services, who)
    answer = go("/login", request)
    drop_cookie(answer, services)
    return answer


@router.get("/password")
def password_page(request: Request, console: View, who: Anyone) -> Response:
    """Ask for a new password."""
    return console.page(request, "password.html", who=who, said=None)


@router.post("/password")
def password(
    request: Request, console: View, services: Served, who: Anyone, old: Typed, new: Typed, again: Typed
) -> Response:
    """Change one's own password."""
    if new != again:
        return console.page(request, "password.html", who=who, status=422, said="differ")
    try:
        change_own_password(services, who, old, new)
    except AccountError as error:
        note_refusal(services, who, "password", who.name, error.reason)
        return console.page(request, "password.html", who=who, status=422, said=error.reason)
    return go("/login?changed=true", request)


@router.post("/language")
def language(
    request: Request,
    services: Served,
    to: Annotated[Language, Form()],
    next: Typed = "",  # noqa: A002
) -> Response:
    """Choose the language of this browser."""
    check_same_origin(request, services)
    answer = go(safe_next(next), request)
    answer.set_cookie(
        LANGUAGE_COOKIE, to, max_age=_YEAR, samesite="lax", secure=services.config.http.secure_cookies, httponly=True
    )
    return answer
