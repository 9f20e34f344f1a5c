"""Managing users."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stillcold_server.api.guard import FRESH, Caller, SecurityAdmin
from stillcold_server.api.models.people import NewUser, OneTimePassword, Rights
from stillcold_server.api.read.lines import list_districts
from stillcold_server.api.routes import users as api
from stillcold_server.api.routes.parameters import UserInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.console.pages import Console, View, go
from stillcold_server.people.rights import ROLES
from stillcold_server.people.scope import EVERYWHERE
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False)


@router.get("/users")
def users(request: Request, console: View, services: Served, who: SecurityAdmin) -> Response:
    """All accounts."""
    return _page(request, console, services, who)


@router.post("/users", dependencies=FRESH)
def add(
    request: Request, console: View, services: Served, who: SecurityAdmin, given: Annotated[NewUser, Form()]
) -> Response:
    """Make an account and show its one-time password once."""
    made = api.create(services, who, given.model_copy(update={"name": given.name.strip()}))
    return _page(request, console, services, who, made)


@router.post("/users/{name}/rights", dependencies=FRESH)
def rights(
    request: Request, services: Served, who: SecurityAdmin, name: UserInPath, given: Annotated[Rights, Form()]
) -> Response:
    """Give an account other roles."""
    api.rights(services, who, name, given)
    return go("/users", request)


@router.post("/users/{name}/password", dependencies=FRESH)
def new_password(request: Request, console: View, services: Served, who: SecurityAdmin, name: UserInPath) -> Response:
    """Give a one-time password and show it once."""
    return _page(request, console, services, who, api.new_password(services, who, name))


@router.post("/users/{name}/factor/remove", dependencies=FRESH)
def remove_factor(request: Request, services: Served, who: SecurityAdmin, name: UserInPath) -> Response:
    """Take away the second factor of somebody who has lost the phone."""
    api.remove_factor(services, who, name)
    return go("/users", request)


@router.post("/users/{name}/sessions/end")
def log_out(request: Request, services: Served, who: SecurityAdmin, name: UserInPath) -> Response:
    """End every session of somebody."""
    api.log_out(services, who, name)
    return go("/users", request)


@router.post("/users/{name}/disable")
def disable(request: Request, services: Served, who: SecurityAdmin, name: UserInPath) -> Response:
    """Close an account."""
    api.disable(services, who, name)
    return go("/users", request)


@router.post("/users/{name}/enable", dependencies=FRESH)
def enable(request: Request, services: Served, who: SecurityAdmin, name: UserInPath) -> Response:
    """Open an account again."""
    api.enable(services, who, name)
    return go("/users", request)


def _page(
    request: Request, console: Console, services: Services, who: Caller, given: OneTimePassword | None = None
) -> Response:
    found = api.list_users(services)
    with read(services.engine) as connection:
        districts = list_districts(connection, EVERYWHERE)
    return console.page(request, "users.html", who=who, users=found, roles=ROLES, districts=districts, given=given)
