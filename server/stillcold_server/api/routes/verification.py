"""Verifying sealings, and what is stated of lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from sqlalchemy import Connection

from stillcold_core.files import BadFile
from stillcold_server.api.guard import Caller, Verifier, Watcher
from stillcold_server.api.models.verification import Day, Observation, ObservationProgress, Start, Statement
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.verification import list_days, shown, shown_progress, shown_statement
from stillcold_server.api.routes.parameters import MONTH, IdInPath, NumberInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.evidence.key import Signer
from stillcold_server.language.texts import Language, load_texts
from stillcold_server.store.database import read
from stillcold_server.verification import procedure, statements
from stillcold_server.verification.calendar import month_of
from stillcold_server.verification.procedure import Refused
from stillcold_server.verification.sheet import sheet_of
from stillcold_server.verification.signer import NoKey, signer_of
from stillcold_server.verification.subject import find_watched

router = APIRouter(tags=["verification"])
_STATUS = {"not_found": status.HTTP_404_NOT_FOUND, "invalid": status.HTTP_422_UNPROCESSABLE_CONTENT}
MonthInQuery = Annotated[str, Query(pattern=MONTH, examples=["2027-01"])]


@router.get("/lines/{id}/verifications")
def verifications(services: Served, _: Watcher, id: IdInPath) -> list[Observation]:  # noqa: A002  # the name in the path
    """The observations of a line, the newest first."""
    with read(services.engine) as connection:
        if find_watched(connection, id) is None:
            raise not_found("line", id)
        return [shown(o) for o in procedure.of_line(connection, id)]


@router.post("/lines/{id}/verifications", status_code=status.HTTP_201_CREATED)
def start(services: Served, who: Verifier, id: IdInPath, given: Start) -> Observation:  # noqa: A002
    """Begin to observe a line."""
    signer_for(services)  # refused now, not when the time is over
    with _acting(services, who, "verification.start", id) as connection:
        number = procedure.start(connection, id, given.minutes, given.behind_cut, who.name, services.now())
        return shown(found(procedure.find(connection, number), number))


@router.get("/verifications/{number}")
def progress(services: Served, _: Watcher, number: NumberInPath) -> ObservationProgress:
    """How an observation stands, by what has come."""
    with read(services.engine) as connection:
        observation = found(procedure.find(connection, number), number)
        return shown_progress(procedure.progress(connection, observation, services.now()))


@router.post("/verifications/{number}/decide")
def decide(services: Served, who: Verifier, number: NumberInPath) -> Statement:
    """State what an observation has come to; again, where readings have come since."""
    signer = signer_for(services)
    with _acting(services, who, "verification.decide", f"observation {number}") as connection:
        made = procedure.decide(connection, signer, number, who.name, services.now())
        return shown_statement(connection, made)


@router.post("/verifications/{number}/abandon", status_code=status.HTTP_204_NO_CONTENT)
def abandon(services: Served, who: Verifier, number: NumberInPath) -> None:
    """End an observation without a result."""
    with _acting(services, who, "verification.abandon", f"observation {number}") as connection:
        procedure.abandon(connection, number, who.name, services.now())


@router.get("/lines/{id}/attestations")
def attestations(services: Served, _: Watcher, id: IdInPath, month: MonthInQuery) -> list[Day]:  # noqa: A002
    """The days of a month; today as far as it goes."""
    with read(services.engine) as connection:
        days = list_days(connection, id, month_of(month), services.now())
    if days is None:
        raise not_found("line", id)
    return list(days)


@router.get("/statements/{id}")
def statement(services: Served, _: Watcher, id: IdInPath) -> Statement:  # noqa: A002
    """A statement, with what it says."""
    with read(services.engine) as connection:
        return shown_statement(connection, _stated(statements.find(connection, id), id))


@router.get("/statements/{id}/note", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def note(services: Served, _: Watcher, id: IdInPath) -> Response:  # noqa: A002
    """The signed note, byte for byte."""
    with read(services.engine) as connection:
        made = _stated(statements.find(connection, id), id)
    return Response(made.note.encode(), media_type="text/plain; charset=utf-8", headers=_named(made.id, "note"))


@router.get("/statements/{id}/paper", response_class=Response, responses={200: {"content": {"application/pdf": {}}}})
def paper(services: Served, _: Watcher, id: IdInPath, language: Language | None = None) -> Response:  # noqa: A002
    """The statement on paper, with the code that leads to its check page."""
    from stillcold_server.verification.paper import draw  # noqa: PLC0415  # the start need not wait for what draws

    with read(services.engine) as connection:
        made = _stated(statements.find(connection, id), id)
    texts = load_texts()[language or services.config.language]
    address = f"{services.config.http.public_url.rstrip('/')}/check/{made.id}/{made.digest}"
    content = draw(sheet_of(made.content, made.digest, texts), address, made.made_at, texts)
    return Response(content, media_type="application/pdf", headers=_named(made.id, "pdf"))


def signer_for(services: Services) -> Signer:
    """The key that signs.

    Raises
    ------
    Problem
    """
    try:
        return signer_of(services.config)
    except (NoKey, BadFile) as error:
        raise Problem(503, "no_key", str(error)) from error


def found(observation: procedure.Observation | None, number: int) -> procedure.Observation:
    """An observation that must be there.

    Raises
    ------
    Problem
    """
    if observation is None:
        raise not_found("observation", str(number))
    return observation


@contextmanager
def _acting(services: Services, who: Caller, action: str, subject: str) -> Iterator[Connection]:
    """A transaction with its entry in the audit log; what is refused is answered with its reason."""
    try:
        with services.acting(who, action, subject) as connection:
            yield connection
    except Refused as error:
        raise Problem(_STATUS.get(error.word, 409), error.word, str(error), field=error.field) from error
    services.hub.publish("lines")


def _stated(made: statements.Statement | None, name: str) -> statements.Statement:
    if made is None:
        raise not_found("statement", name)
    return made


def _named(name: str, ending: str) -> dict[str, str]:
    """A file name without colons, which some systems do not take."""
    return {"Content-Disposition": f'attachment; filename="{name.replace(":", "_")}.{ending}"'}
