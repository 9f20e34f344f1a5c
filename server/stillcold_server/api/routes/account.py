"""Logging in and out, and one's own password."""

from fastapi import APIRouter, Request, Response, status

from stillcold_server.api.guard import COOKIE, Anyone
from stillcold_server.api.login import account_problem, log_in
from stillcold_server.api.models.people import Login, PasswordChange, Token
from stillcold_server.api.services import Served
from stillcold_server.people.accounts import AccountError, change_password
from stillcold_server.people.sessions import close_session
from stillcold_server.store.database import write

router = APIRouter(tags=["account"])


@router.post("/login")
def login(request: Request, services: Served, given: Login) -> Token:
    """Begin a session; its token goes into ``Authorization: Bearer``."""
    return log_in(services, given.name, given.password, request.client.host if request.client else "")


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(response: Response, services: Served, who: Anyone) -> None:
    """End the session."""
    with write(services.engine) as connection:
        close_session(connection, who.token)
    response.delete_cookie(COOKIE)


@router.post("/password", status_code=status.HTTP_204_NO_CONTENT)
def password(services: Served, who: Anyone, given: PasswordChange) -> None:
    """Change one's own password; every session of the account ends."""
    try:
        change_password(services.engine, who.name, given.old, given.new)
    except AccountError as error:
        raise account_problem(error, "old" if error.reason == "wrong_password" else "new") from error
