"""One's own account: the second factor, and one's sessions."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, status
from sqlalchemy import Connection

from stillcold_server.api.guard import FRESH, Anyone, Caller, idle_ms
from stillcold_server.api.login import factor_key
from stillcold_server.api.models.people import Code, NewFactor, OwnSession, RecoveryCodes
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.routes.parameters import IdInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.people import factors
from stillcold_server.people.devices import told_device
from stillcold_server.people.sessions import end_other_sessions, end_session, id_of, id_of_token, list_sessions
from stillcold_server.store.database import read

router = APIRouter(tags=["account"])


@router.post("/factor", status_code=status.HTTP_201_CREATED, dependencies=FRESH)
def begin_factor(services: Served, who: Anyone) -> NewFactor:
    """Begin to set up a second factor; its secret is shown this once."""
    with changing_factor(services, who, "factor.begin") as (connection, key):
        secret = factors.begin(connection, key, who.name)
    return NewFactor(secret=secret, uri=factors.uri(who.name, secret))


@router.post("/factor/confirm")
def confirm_factor(services: Served, who: Anyone, given: Code) -> RecoveryCodes:
    """Show that the authenticator has it: from now on each login needs a code, and other sessions end.

    Recovery codes are shown this once.
    """
    with changing_factor(services, who, "factor.confirm") as (connection, key):
        codes = factors.confirm(connection, key, who.name, given.code, services.now())
        end_other_sessions(connection, who.name, who.token)
    return RecoveryCodes(recovery_codes=codes)


@router.post("/factor/remove", status_code=status.HTTP_204_NO_CONTENT, dependencies=FRESH)
def remove_factor(services: Served, who: Anyone, given: Code) -> None:
    """Take one's own second factor away, with a code of it; other sessions end."""
    with changing_factor(services, who, "factor.remove") as (connection, key):
        if not factors.accepts(connection, key, who.name, given.code, services.now()):
            raise factors.FactorError("wrong_code")
        factors.remove(connection, who.name)
        end_other_sessions(connection, who.name, who.token)


@router.get("/sessions")
def sessions(services: Served, who: Anyone) -> list[OwnSession]:
    """One's own sessions that go on."""
    return own_sessions(services, who)


@router.post("/sessions/end-others", status_code=status.HTTP_204_NO_CONTENT)
def end_others(services: Served, who: Anyone) -> None:
    """End every session of one's own account but this one."""
    with services.acting(who, "sessions.end_others", who.name) as connection:
        end_other_sessions(connection, who.name, who.token)


@router.post("/sessions/{id}/end", status_code=status.HTTP_204_NO_CONTENT)
def end_one(services: Served, who: Anyone, id: IdInPath) -> None:  # noqa: A002  # the name in the path
    """End a session of one's own account."""
    with services.acting(who, "sessions.end", who.name) as connection:
        if not end_session(connection, who.name, id):
            raise not_found("session", id)


def own_sessions(services: Services, who: Caller) -> list[OwnSession]:
    """Somebody's sessions, as they see them."""
    with read(services.engine) as connection:
        rows = list_sessions(connection, who.name, services.now(), idle_ms(services))
    mine = id_of_token(who.token)
    return [
        OwnSession(
            id=id_of(row.token_hash), device=told_device(row.device), address=row.address, created_at=row.created_at,
            seen_at=row.seen_at, expires_at=row.expires_at, current=id_of(row.token_hash) == mine,
        )
        for row in rows
    ]  # fmt: skip


@contextmanager
def changing_factor(services: Services, who: Caller, action: str) -> Iterator[tuple[Connection, factors.FactorKey]]:
    """A transaction that changes one's own second factor; wrong codes count like wrong passwords.

    Raises
    ------
    Problem
    """
    key, now = factor_key(services), services.now()
    wait = max(
        services.throttle.wait(who.name, who.address, now),
        services.throttle.wait_for_code(who.name, now),
    )
    if wait:
        raise Problem(429, "throttled", "too many wrong codes; wait a little", retry_after=wait)
    try:
        with services.acting(who, action, who.name) as connection:
            yield connection, key
    except factors.FactorError as error:
        if error.reason == "wrong_code":
            services.throttle.failed(who.name, who.address, now)
            services.throttle.failed_code(who.name, now)
        raise Problem(403 if error.reason == "wrong_code" else 409, error.reason, str(error), field="code") from error
