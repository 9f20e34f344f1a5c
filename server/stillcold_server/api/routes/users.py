"""Managing users."""

from fastapi import APIRouter, status
from sqlalchemy import select

from stillcold_server.api.guard import Admin
from stillcold_server.api.login import account_problem, make_user
from stillcold_server.api.models.people import NewUser, OneTimePassword, User
from stillcold_server.api.routes.parameters import UserInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.people.accounts import AccountError, give_password, set_disabled
from stillcold_server.store import schema
from stillcold_server.store.database import read, write

router = APIRouter(tags=["users"])


@router.get("/users")
def users(services: Served, _: Admin) -> list[User]:
    """All accounts."""
    return list_users(services)


@router.post("/users", status_code=status.HTTP_201_CREATED)
def create(services: Served, _: Admin, given: NewUser) -> OneTimePassword:
    """Make an account with a one-time password."""
    return OneTimePassword(name=given.name, one_time_password=make_user(services, given.name, given.role))


@router.post("/users/{name}/password")
def new_password(services: Served, _: Admin, name: UserInPath) -> OneTimePassword:
    """Give a one-time password to somebody who has lost theirs; ends their sessions."""
    try:
        return OneTimePassword(name=name, one_time_password=give_password(services.engine, name))
    except AccountError as error:
        raise account_problem(error) from error


@router.post("/users/{name}/disable", status_code=status.HTTP_204_NO_CONTENT)
def disable(services: Served, _: Admin, name: UserInPath) -> None:
    """Close an account; ends its sessions."""
    change(services, name, disabled=True)


@router.post("/users/{name}/enable", status_code=status.HTTP_204_NO_CONTENT)
def enable(services: Served, _: Admin, name: UserInPath) -> None:
    """Open an account again."""
    change(services, name, disabled=False)


def list_users(services: Services) -> list[User]:
    """All accounts, by name."""
    u = schema.user.c
    with read(services.engine) as connection:
        rows = connection.execute(select(u.name, u.role, u.must_change, u.disabled, u.created_at).order_by(u.name))
        return [User(**row._mapping) for row in rows]


def change(services: Services, name: str, *, disabled: bool) -> None:
    """Close or open an account.

    Raises
    ------
    Problem
    """
    with write(services.engine) as connection:
        try:
            set_disabled(connection, name, disabled)
        except AccountError as error:
            raise account_problem(error) from error
