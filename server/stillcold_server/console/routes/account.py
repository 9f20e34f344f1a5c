"""Logging in and out, one's own password, the language."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stillcold_server.api.guard import COOKIE, Anyone, check_same_origin, set_cookie
from stillcold_server.api.login import log_in
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Served
from stillcold_server.console.pages import LANGUAGE_COOKIE, View, go, safe_next
from stillcold_server.language.texts import Language
from stillcold_server.people.accounts import AccountError, change_password
from stillcold_server.people.sessions import close_session
from stillcold_server.store.database import write

router = APIRouter(include_in_schema=False)
_YEAR = 365 * 86400
Typed = Annotated[str, Form(max_length=1000)]


@router.get("/")
def home() -> Response:
    """The alerts are the first thing to look at."""
    return RedirectResponse("/alerts", status_code=303)


@router.get("/login")
def login_page(request: Request, console: View, next: str = "", changed: bool = False) -> Response:  # noqa: A002
    """Ask for name and password."""
    return console.page(request, "login.html", next=safe_next(next), said="changed" if changed else None)


@router.post("/login")
def login(
    request: Request,
    console: View,
    services: Served,
    name: Typed,
    password: Typed,
    next: Typed = "",  # noqa: A002
) -> Response:
    """Begin a session in this browser."""
    check_same_origin(request, services)
    try:
        token = log_in(services, name.strip(), password, request.client.host if request.client else "")
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
    with write(services.engine) as connection:
        close_session(connection, who.token)
    answer = go("/login", request)
    answer.delete_cookie(COOKIE)
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
        change_password(services.engine, who.name, old, new)
    except AccountError as error:
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
