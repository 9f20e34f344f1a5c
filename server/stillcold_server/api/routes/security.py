"""One's own account: the second factor, and being logged in elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Response, status
from sqlalchemy import Connection

from stillcold_server.api.guard import Anyone, Caller, drop_cookie
from stillcold_server.api.login import factor_key
from stillcold_server.api.models.people import Code, NewFactor, RecoveryCodes
from stillcold_server.api.problems import Problem
from stillcold_server.api.services import Served, Services
from stillcold_server.people import factors
from stillcold_server.people.accounts import end_sessions

router = APIRouter(tags=["account"])


@router.post("/factor", status_code=status.HTTP_201_CREATED)
def begin_factor(services: Served, who: Anyone) -> NewFactor:
    """Begin to set up a second factor; its secret is shown this once."""
    with changing_factor(services, who, "factor.begin") as (connection, key):
        secret = factors.begin(connection, key, who.name)
    return NewFactor(secret=secret, uri=factors.uri(who.name, secret))


@router.post("/factor/confirm")
def confirm_factor(services: Served, who: Anyone, given: Code) -> RecoveryCodes:
    """Show that the authenticator has it: from now on each login needs a code. Recovery codes are shown this once."""
    with changing_factor(services, who, "factor.confirm") as (connection, key):
        codes = factors.confirm(connection, key, who.name, given.code, services.now())
    return RecoveryCodes(recovery_codes=codes)


@router.post("/factor/remove", status_code=status.HTTP_204_NO_CONTENT)
def remove_factor(services: Served, who: Anyone, given: Code) -> None:
    """Take one's own second factor away, with a code of it."""
    with changing_factor(services, who, "factor.remove") as (connection, key):
        if not factors.accepts(connection, key, who.name, given.code, services.now()):
            raise factors.FactorError("wrong_code")
        factors.remove(connection, who.name)


@router.post("/logout-everywhere", status_code=status.HTTP_204_NO_CONTENT)
def logout_everywhere(response: Response, services: Served, who: Anyone) -> None:
    """End every session of one's own account, this one too."""
    end_everywhere(services, who)
    drop_cookie(response, services)


def end_everywhere(services: Services, who: Caller) -> None:
    """Log somebody out everywhere."""
    with services.acting(who, "logout.everywhere", who.name) as connection:
        end_sessions(connection, who.name)


@contextmanager
def changing_factor(services: Services, who: Caller, action: str) -> Iterator[tuple[Connection, factors.FactorKey]]:
    """A transaction that changes one's own second factor; wrong codes count like wrong passwords.

    Raises
    ------
    Problem
    """
    key, now = factor_key(services), services.now()
    wait = max(
        services.throttle.wait(who.name, who.address, now / 1000),
        services.throttle.wait_for_code(who.name, now / 1000),
    )
    if wait:
        raise Problem(429, "throttled", "too many wrong codes; wait a little", retry_after=wait)
    try:
        with services.acting(who, action, who.name) as connection:
            yield connection, key
    except factors.FactorError as error:
        if error.reason == "wrong_code":
            services.throttle.failed(who.name, who.address, now / 1000)
            services.throttle.failed_code(who.name, now / 1000)
        raise Problem(403 if error.reason == "wrong_code" else 409, error.reason, str(error), field="code") from error
