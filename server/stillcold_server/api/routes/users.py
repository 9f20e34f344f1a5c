"""Managing users."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, status
from sqlalchemy import Connection, select

from stillcold_server.api.guard import FRESH, Caller, SecurityAdmin
from stillcold_server.api.login import account_problem
from stillcold_server.api.models.people import NewUser, OneTimePassword, Rights, User
from stillcold_server.api.routes.parameters import UserInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.people import factors
from stillcold_server.people.accounts import (
    AccountError,
    create_user,
    end_sessions,
    known_user,
    set_disabled,
    set_password,
    set_rights,
)
from stillcold_server.people.passwords import hash_password, one_time_password
from stillcold_server.store import schema
from stillcold_server.store.database import read

router = APIRouter(tags=["users"])


@router.get("/users")
def users(services: Served, _: SecurityAdmin) -> list[User]:
    """All accounts."""
    return list_users(services)


@router.post("/users", status_code=status.HTTP_201_CREATED, dependencies=FRESH)
def create(services: Served, who: SecurityAdmin, given: NewUser) -> OneTimePassword:
    """Make an account with a one-time password."""
    with managing(services, who, "user.create", given.name, note=said_of(given)) as connection:
        password = create_user(connection, given.name, given.roles, districts=given.districts)
    return OneTimePassword(name=given.name, one_time_password=password)


@router.post("/users/{name}/rights", status_code=status.HTTP_204_NO_CONTENT, dependencies=FRESH)
def rights(services: Served, who: SecurityAdmin, name: UserInPath, given: Rights) -> None:
    """Give an account other roles and districts; ends its sessions."""
    with managing(services, who, "user.rights", name, note=said_of(given)) as connection:
        set_rights(connection, name, given.roles, given.districts)


@router.post("/users/{name}/password", dependencies=FRESH)
def new_password(services: Served, who: SecurityAdmin, name: UserInPath) -> OneTimePassword:
    """Give a one-time password to somebody who has lost theirs; ends their sessions."""
    password = one_time_password()
    hashed = hash_password(password)  # slow: before the write lock
    with managing(services, who, "user.password", name) as connection:
        set_password(connection, name, hashed, must_change=True)
    return OneTimePassword(name=name, one_time_password=password)


@router.post("/users/{name}/factor/remove", status_code=status.HTTP_204_NO_CONTENT, dependencies=FRESH)
def remove_factor(services: Served, who: SecurityAdmin, name: UserInPath) -> None:
    """Take away the second factor of somebody who has lost the phone; ends their sessions."""
    with managing(services, who, "user.factor", name) as connection:
        end_sessions(connection, known_user(connection, name))
        factors.remove(connection, name)


@router.post("/users/{name}/sessions/end", status_code=status.HTTP_204_NO_CONTENT)
def log_out(services: Served, who: SecurityAdmin, name: UserInPath) -> None:
    """End every session of somebody."""
    with managing(services, who, "user.sessions", name) as connection:
        end_sessions(connection, known_user(connection, name))


@router.post("/users/{name}/disable", status_code=status.HTTP_204_NO_CONTENT)
def disable(services: Served, who: SecurityAdmin, name: UserInPath) -> None:
    """Close an account; ends its sessions."""
    with managing(services, who, "user.disable", name) as connection:
        set_disabled(connection, name, True)


@router.post("/users/{name}/enable", status_code=status.HTTP_204_NO_CONTENT, dependencies=FRESH)
def enable(services: Served, who: SecurityAdmin, name: UserInPath) -> None:
    """Open an account again."""
    with managing(services, who, "user.enable", name) as connection:
        set_disabled(connection, name, False)


def said_of(given: Rights) -> str:
    """Roles and districts, for the audit log."""
    where = "" if given.districts is None else f" in {', '.join(given.districts)}"
    return f"{', '.join(given.roles) or 'no role'}{where}"


def list_users(services: Services) -> list[User]:
    """All accounts, by name."""
    u = schema.user.c
    with read(services.engine) as connection:
        rows = connection.execute(
            select(u.name, u.roles, u.districts, u.must_change, u.disabled, u.created_at).order_by(u.name)
        )
        return [User(**row._mapping) for row in rows]


@contextmanager
def managing(services: Services, who: Caller, action: str, name: str, *, note: str = "") -> Iterator[Connection]:
    """A transaction that changes an account.

    Raises
    ------
    Problem
        With the reason why it cannot be changed so.
    """
    try:
        with services.acting(who, action, name, note=note) as connection:
            yield connection
    except AccountError as error:
        raise account_problem(error) from error
