"""Managing users."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stillcold_server.api.guard import Admin, Caller
from stillcold_server.api.login import account_problem, make_user
from stillcold_server.api.models.people import NewUser, OneTimePassword
from stillcold_server.api.routes.parameters import UserInPath
from stillcold_server.api.routes.users import change, list_users
from stillcold_server.api.services import Served, Services
from stillcold_server.console.pages import Console, View, go
from stillcold_server.people.accounts import ROLES, AccountError, give_password

router = APIRouter(include_in_schema=False)


@router.get("/users")
def users(request: Request, console: View, services: Served, who: Admin) -> Response:
    """All accounts."""
    return _page(request, console, services, who)


@router.post("/users")
def add(request: Request, console: View, services: Served, who: Admin, given: Annotated[NewUser, Form()]) -> Response:
    """Make an account and show its one-time password once."""
    password = make_user(services, given.name.strip(), given.role)
    return _page(request, console, services, who, OneTimePassword(name=given.name.strip(), one_time_password=password))


@router.post("/users/{name}/password")
def new_password(request: Request, console: View, services: Served, who: Admin, name: UserInPath) -> Response:
    """Give a one-time password and show it once."""
    try:
        given = OneTimePassword(name=name, one_time_password=give_password(services.engine, name))
    except AccountError as error:
        raise account_problem(error) from error
    return _page(request, console, services, who, given)


@router.post("/users/{name}/disable")
def disable(request: Request, services: Served, _: Admin, name: UserInPath) -> Response:
    """Close an account."""
    change(services, name, disabled=True)
    return go("/users", request)


@router.post("/users/{name}/enable")
def enable(request: Request, services: Served, _: Admin, name: UserInPath) -> Response:
    """Open an account again."""
    change(services, name, disabled=False)
    return go("/users", request)


def _page(
    request: Request, console: Console, services: Services, who: Caller, given: OneTimePassword | None = None
) -> Response:
    found = list_users(services)
    return console.page(request, "users.html", who=who, users=found, roles=ROLES, given=given)
