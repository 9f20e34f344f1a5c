"""Handing a shift over."""

from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, status
from sqlalchemy import Connection, Row

from stillcold_server.api.guard import IN_SCOPE, Actor, Caller, Watcher, lacks_factor, session_behind
from stillcold_server.api.login import log_in
from stillcold_server.api.models.duty import HandoverAnswer, SignInBody, SignOutBody
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.duty import handover_answer, rosters_in
from stillcold_server.api.routes.account import end_session
from stillcold_server.api.routes.parameters import NumberInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.duty import handover as book
from stillcold_server.people.scope import Scope
from stillcold_server.people.sessions import Origin
from stillcold_server.store.database import read

router = APIRouter(tags=["duty"])
_MOST = 1000
_STATUS = {"unknown_handover": 404, "signed_already": 409, "same_person": 409}


@router.get("/handovers", dependencies=IN_SCOPE)
def handovers(services: Served, who: Watcher, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[HandoverAnswer]:
    """The newest first."""
    with read(services.engine) as connection:
        found = (r for r in book.list_handovers(connection, _MOST) if book.concerns(r, who.name, who.scope))
        return [handover_answer(row) for row in islice(found, limit)]


@router.get("/handovers/{number}", dependencies=IN_SCOPE)
def handover(services: Served, who: Watcher, number: NumberInPath) -> HandoverAnswer:
    """One handover."""
    return load(services, who, number)


@router.post("/handovers", status_code=status.HTTP_201_CREATED, dependencies=IN_SCOPE)
def sign_out(services: Served, who: Actor, given: SignOutBody) -> HandoverAnswer:
    """Hand over what stands now, and sign it."""
    now = services.now()
    with services.acting(who, "handover.sign_out", given.roster or "", note=given.remark[:1000]) as connection:
        there = _theirs(connection, who, given.roster)
        number = book.sign_out(connection, given.roster, who.name, given.remark.strip(), now, there)
    return load(services, who, number)


@router.post("/handovers/{number}/accept", dependencies=IN_SCOPE)
def sign_in(services: Served, who: Actor, number: NumberInPath, given: SignInBody) -> HandoverAnswer:
    """Take over, and sign it: another person than who hands over."""
    accept(services, who, number, given.remark)
    return load(services, who, number)


def accept(services: Services, who: Caller, number: int, remark: str) -> None:
    """Sign a handover as who takes over.

    Raises
    ------
    Problem
    """
    with services.acting(who, "handover.accept", str(number), note=remark[:1000]) as connection:
        _check_seen(connection, who, number)
        try:
            book.sign_in(connection, number, who.name, remark.strip(), services.now())
        except book.HandoverError as error:
            raise Problem(_STATUS[error.reason], error.reason, str(error)) from error


def accept_at_desk(
    services: Services, beside: Caller, name: str, password: str, code: str, number: int, remark: str
) -> None:
    """Sign a handover with name, password and code, in the browser of who hands over; the session ends with it.

    Raises
    ------
    Problem
    """
    token = log_in(services, name, password, Origin(beside.address), code).token
    found = session_behind(services, token)
    if found is None:
        raise Problem(403, "role", f"{name} may not take a shift over")
    account, who = found.account, Caller(found.account, token, beside.address, found.created_at)
    try:
        if account.must_change or not account.may("act") or lacks_factor(services, account):
            raise Problem(403, "role", f"{name} may not take a shift over, or has a password or factor to set up first")
        accept(services, who, number, remark)
    finally:
        end_session(services, who)


def load(services: Services, who: Caller, number: int) -> HandoverAnswer:
    """One handover as it is sent.

    Raises
    ------
    Problem
    """
    with read(services.engine) as connection:
        return handover_answer(_check_seen(connection, who, number))


def _check_seen(connection: Connection, who: Caller, number: int) -> Row[Any]:
    try:
        row = book.load_handover(connection, number)
    except book.HandoverError as error:
        raise not_found("handover", str(number)) from error
    if not book.concerns(row, who.name, who.scope):
        raise not_found("handover", str(number))
    return row


def _theirs(connection: Connection, who: Caller, roster: str | None) -> Scope:
    """The districts whose alerts are handed over: whoever sees the roster sees them, so none beyond its district."""
    if roster is None:
        return who.scope
    of = next((r for r in rosters_in(connection, who.scope) if r.id == roster), None)
    if of is None:
        raise not_found("roster", roster)
    return who.scope if of.district is None else Scope((of.district,))
