"""Logging in, the same for programs and for the console."""

import logging
from dataclasses import dataclass
from pathlib import Path

from stillcold_core.files import BadFile
from stillcold_server.api.models.people import Token
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Services
from stillcold_server.audit.chain import append
from stillcold_server.days import HOUR
from stillcold_server.people.accounts import AccountError, check_login, is_user
from stillcold_server.people.factors import FactorKey, accepts, has_factor
from stillcold_server.people.sessions import Origin, close_session, open_session
from stillcold_server.store.database import read, write

log = logging.getLogger(__name__)
_STATUS = {"exists": 409, "last_admin": 409, "apart": 409, "unlimited": 409, "unknown_user": 404, "wrong_password": 403}


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who is not logged in yet, under the name that they say."""

    name: str
    address: str


def log_in(
    services: Services, name: str, password: str, origin: Origin, code: str = "", before: str | None = None
) -> Token:
    """Begin a session.

    Parameters
    ----------
    services : Services
        The server.
    name, password : str
        As typed.
    origin : Origin
        Where the request came from.
    code : str
        Of the second factor, where the account has one. A wrong one is answered as a wrong password is.
    before : str, optional
        Token of the session that this browser had; it ends.

    Raises
    ------
    Problem
        401 ``bad_login``, or 429 ``throttled`` with the time to wait.
    """
    now, address = services.now(), origin.address
    wait = services.throttle.wait(name, address, now)
    if wait:
        services.metrics.login("throttled")
        raise Problem(429, "throttled", "too many wrong passwords; wait a little", retry_after=wait)
    with read(services.engine) as connection:
        account = check_login(connection, name, password)
    if account is None or not _factor_fits(services, account.name, code):
        services.throttle.failed(name, address, now)
        services.metrics.login("refused")
        log.warning("a login from %s was refused", address)
        _note_refused(services, name, address, now)
        raise Problem(401, "bad_login", "name or password is wrong")
    services.throttle.succeeded(name, address)
    services.metrics.login("ok")
    expires_at = now + round(services.config.http.session_hours * HOUR)
    with write(services.engine) as connection:
        if before:
            close_session(connection, before)
        token = open_session(connection, account.name, now=now, expires_at=expires_at, origin=origin)
        append(connection, Stranger(account.name, address), "login", account.name, now=now)
    return Token(token=token, expires_at=expires_at, roles=list(account.roles), must_change=account.must_change)


def _factor_fits(services: Services, name: str, code: str) -> bool:
    with read(services.engine) as connection:
        if not has_factor(connection, name):
            return True
    key, now = factor_key(services), services.now()
    if services.throttle.wait_for_code(name, now):
        return False  # said as of a wrong code: whoever guesses does not learn that the password is right
    with write(services.engine) as connection:
        good = accepts(connection, key, name, code, now)
    if not good:
        services.throttle.failed_code(name, now)
    return good


def factor_key(services: Services) -> FactorKey:
    """The key that seals secrets.

    Raises
    ------
    Problem
        503 where its file cannot be used.
    """
    try:
        return FactorKey(Path(services.config.people.key_file))
    except BadFile as error:
        raise Problem(503, "no_key", f"the key of second factors cannot be used: {error}") from error


def _note_refused(services: Services, name: str, address: str, now: int) -> None:
    """Into the audit log, but for a name that nobody has: people type their password there."""
    with write(services.engine) as connection:
        known = name if is_user(connection, name) else ""
        append(connection, Stranger(known, address), "login", known, outcome="bad_login", now=now)


def account_problem(error: AccountError, field: str | None = None) -> Problem:
    """The answer to an account that cannot be made or changed so."""
    return Problem(_STATUS.get(error.reason, 422), error.reason, str(error), field=field)
