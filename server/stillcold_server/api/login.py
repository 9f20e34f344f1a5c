"""Logging in, the same for programs and for the console."""

import logging

from stillcold_server.api.models.people import Token
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Services
from stillcold_server.people.accounts import AccountError, Role, check_login, create_user
from stillcold_server.people.sessions import open_session
from stillcold_server.store.database import read, write

log = logging.getLogger(__name__)
_STATUS = {"exists": 409, "last_admin": 409, "unknown_user": 404, "wrong_password": 403}


def log_in(services: Services, name: str, password: str, address: str) -> Token:
    """Begin a session.

    Parameters
    ----------
    services : Services
        The server.
    name, password : str
        As typed.
    address : str
        Where the request came from.

    Raises
    ------
    Problem
        401 ``bad_login``, or 429 ``throttled`` with the time to wait.
    """
    now = services.now()
    wait = services.throttle.wait(name, address, now / 1000)
    if wait:
        services.metrics.login("throttled")
        raise Problem(429, "throttled", "too many wrong passwords; wait a little", retry_after=wait)
    with read(services.engine) as connection:
        account = check_login(connection, name, password)
    if account is None:
        services.throttle.failed(name, address, now / 1000)
        services.metrics.login("refused")
        log.warning("login of %r from %s refused", name, address)
        raise Problem(401, "bad_login", "name or password is wrong")
    services.throttle.succeeded(name, address)
    services.metrics.login("ok")
    expires_at = now + round(services.config.http.session_hours * 3_600_000)
    with write(services.engine) as connection:
        token = open_session(connection, account.name, now=now, expires_at=expires_at)
    return Token(token=token, expires_at=expires_at, role=account.role, must_change=account.must_change)


def make_user(services: Services, name: str, role: Role) -> str:
    """A new account's one-time password.

    Raises
    ------
    Problem
    """
    with write(services.engine) as connection:
        try:
            return create_user(connection, name, role)
        except AccountError as error:
            raise account_problem(error) from error


def account_problem(error: AccountError, field: str | None = None) -> Problem:
    """The answer to an account that cannot be made or changed so."""
    return Problem(_STATUS.get(error.reason, 422), error.reason, str(error), field=field)
