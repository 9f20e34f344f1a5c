"""Logging in and out, and one's own password."""

from fastapi import APIRouter, Request, Response, status

from stillcold_server.api.guard import Anyone, Caller, drop_cookie, origin_of
from stillcold_server.api.login import account_problem, log_in
from stillcold_server.api.models.people import Login, PasswordChange, Token
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Served, Services
from stillcold_server.people.accounts import AccountError, chosen_password, set_password
from stillcold_server.people.sessions import close_session
from stillcold_server.store.database import read

router = APIRouter(tags=["account"])


@router.post("/login")
def login(request: Request, services: Served, given: Login) -> Token:
    """Begin a session; its token goes into ``Authorization: Bearer``."""
    return log_in(services, given.name, given.password, origin_of(request), given.code)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(response: Response, services: Served, who: Anyone) -> None:
    """End the session."""
    end_session(services, who)
    drop_cookie(response, services)


@router.post("/password", status_code=status.HTTP_204_NO_CONTENT)
def password(services: Served, who: Anyone, given: PasswordChange) -> None:
    """Change one's own password; every session of the account ends."""
    try:
        change_own_password(services, who, given.old, given.new)
    except AccountError as error:
        raise account_problem(error, "old" if error.reason == "wrong_password" else "new") from error


def end_session(services: Services, who: Caller) -> None:
    """Log out."""
    with services.acting(who, "logout", who.name) as connection:
        close_session(connection, who.token)


def change_own_password(services: Services, who: Caller, old: str, new: str) -> None:
    """Change one's own password; every session of the account ends.

    Raises
    ------
    AccountError
    Problem
        429 after too many wrong ones: a session that was left open is no place to guess the password.
    """
    now = services.now()
    wait = services.throttle.wait(who.name, who.address, now)
    if wait:
        raise Problem(429, "throttled", "too many wrong passwords; wait a little", retry_after=wait)
    try:
        with read(services.engine) as connection:
            hashed = chosen_password(connection, who.name, old, new)  # slow: before the write lock
    except AccountError as error:
        if error.reason == "wrong_password":
            services.throttle.failed(who.name, who.address, now)
        raise
    with services.acting(who, "password", who.name) as connection:
        set_password(connection, who.name, hashed, must_change=False)
