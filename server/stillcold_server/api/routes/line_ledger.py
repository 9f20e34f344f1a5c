"""The ledger of a line: its life, seals, documents and history; permits and deadlines of all lines."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, UploadFile, status
from fastapi.responses import Response
from starlette.datastructures import UploadFile as Upload

from stillcold_core.registry import Meter, Seal
from stillcold_server.api.guard import Approver, Caller, InScope, Keeper, Needs, Verifier, Watcher
from stillcold_server.api.keeping import keeping
from stillcold_server.api.models import ledger as models
from stillcold_server.api.models.base import Note
from stillcold_server.api.problems import not_found
from stillcold_server.api.read import ledger as reading
from stillcold_server.api.routes.parameters import IdInPath, IdInQuery, NumberInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.api.uploads import UploadRoute
from stillcold_server.registry import documents, meters, permits, seals
from stillcold_server.registry.deadlines import mark_seen
from stillcold_server.registry.kinds import moment
from stillcold_server.registry.life import STEPS, Given, take_step
from stillcold_server.store.database import read

UPLOAD = documents.LARGEST + (64 << 10)
"""Bytes of a request with a file."""
router = APIRouter(tags=["ledger"], route_class=UploadRoute)
Clerk = Annotated[Caller, Depends(Needs("ledger", "permit", "verify"))]
"""Takes steps of a line's life, each with the permission that the step needs."""
Depositor = Annotated[Caller, Depends(Needs("ledger", "verify"))]
Within = Annotated[int | None, Query(ge=0, le=3660)]
PermitState = Literal["asked", "approved", "refused", "withdrawn"]


@router.get("/lines/{id}/ledger")
def line_ledger(services: Served, _: Watcher, id: IdInPath) -> models.LineLedger:  # noqa: A002  # the name in the path
    """What the ledger has of a line."""
    with read(services.engine) as connection:
        found = reading.line_ledger(connection, id, services.now())
    if found is None:
        raise not_found("line", id)
    return found


@router.get("/lines/{id}/history")
def line_history(services: Served, _: Watcher, id: IdInPath) -> list[models.Change]:  # noqa: A002
    """Who changed what of a line, and when; the newest first, 500 at most."""
    with read(services.engine) as connection:
        return reading.history_of(connection, id)


@router.post("/lines/{id}/steps/{step}")
def step(
    services: Served,
    who: Clerk,
    id: IdInPath,  # noqa: A002
    step: IdInPath,
    given: models.Step,
) -> models.LineLedger:
    """Take a step of a line's life."""
    if step not in STEPS:
        raise not_found("step", step)
    Needs(STEPS[step].right).check(who)
    values = given.model_dump()
    values["measures"] = tuple(given.measures)
    with keeping(services, who, f"line.{step}", id, note=given.note, cause="step") as (connection, author):
        take_step(connection, id, step, Given(**values), author)
    return line_ledger(services, who, id)


@router.post("/lines/{id}/seals", status_code=status.HTTP_201_CREATED)
def add_seal(services: Served, who: Verifier, id: IdInPath, given: models.NewSeal) -> models.LineLedger:  # noqa: A002
    """Enter a seal that was applied."""
    seal = Seal(given.id, id, given.place, moment(given.applied_at), given.applied_by, photo=given.photo)
    with keeping(services, who, "seal.apply", f"{id} {given.id}") as (connection, author):
        seals.apply_seal(connection, seal, author)
    return line_ledger(services, who, id)


@router.post("/lines/{id}/meters", status_code=status.HTTP_201_CREATED)
def enter_meter(services: Served, who: Keeper, id: IdInPath, given: models.NewMeter) -> models.LineLedger:  # noqa: A002
    """Enter a meter, or what is new of one that stands on the line: its point, its certificate."""
    with keeping(services, who, "meter.enter", f"{id} {given.id}") as (connection, author):
        meters.enter_meter(connection, id, Meter(**given.model_dump()), author)
    return line_ledger(services, who, id)


@router.post("/seals/{id}/end", status_code=status.HTTP_204_NO_CONTENT)
def end_seal(services: Served, who: Verifier, id: IdInPath, given: models.SealEnd) -> None:  # noqa: A002
    """Say that a seal was found broken, replaced, or taken off."""
    end = seals.End(given.state, given.at, given.by, given.replaced_by)
    with keeping(services, who, f"seal.{given.state}", id, note=given.note) as (connection, author):
        seals.end_seal(connection, id, end, author)


@router.post("/documents", status_code=status.HTTP_201_CREATED, max_body_size=UPLOAD)
def add_document(services: Served, who: Depositor, _: InScope, file: UploadFile) -> models.Stored:
    """Store a PDF, JPEG or PNG of 8 MiB at most; what is attached to nothing within a day is deleted."""
    return models.Stored(sha256=store_file(services, who, file))


@router.get("/documents/{digest}", response_class=Response)
def get_document(services: Served, _: Watcher, scope: InScope, digest: IdInPath) -> Response:
    """A document, to be saved."""
    with read(services.engine) as connection:
        found = documents.load(connection, digest) if reading.sees_document(connection, scope, digest) else None
    if found is None:
        raise not_found("document", digest)
    return attachment(found.content, found.media_type, found.name)


@router.get("/permits")
def list_permits(
    services: Served, _: Watcher, scope: InScope, line: IdInQuery = None, state: PermitState | None = None
) -> list[models.Permit]:
    """Activities that were reported beforehand, the newest first."""
    with read(services.engine) as connection:
        return reading.list_permits(connection, scope, line, state)


@router.post("/lines/{id}/permits", status_code=status.HTTP_201_CREATED)
def ask_permit(services: Served, who: Keeper, id: IdInPath, given: models.Activity) -> models.Permit:  # noqa: A002
    """Report an activity; it counts once somebody else has approved it."""
    with keeping(services, who, "permit.ask", id, note=given.reason, cause="permit") as (connection, author):
        number = permits.ask(connection, id, given.start, given.end, given.reason, author)
        return next(p for p in reading.list_permits(connection, who.scope, id) if p.id == number)


@router.post("/permits/{number}/approve", status_code=status.HTTP_204_NO_CONTENT)
def approve_permit(services: Served, who: Approver, number: NumberInPath, given: Note) -> None:
    """Approve what somebody else has reported."""
    with keeping(services, who, "permit.approve", str(number), note=given.note, cause="permit") as (connection, author):
        permits.decide(connection, number, approve=True, note=given.note, author=author)


@router.post("/permits/{number}/refuse", status_code=status.HTTP_204_NO_CONTENT)
def refuse_permit(services: Served, who: Approver, number: NumberInPath, given: Note) -> None:
    """Refuse it."""
    with keeping(services, who, "permit.refuse", str(number), note=given.note, cause="permit") as (connection, author):
        permits.decide(connection, number, approve=False, note=given.note, author=author)


@router.post("/permits/{number}/withdraw", status_code=status.HTTP_204_NO_CONTENT)
def withdraw_permit(services: Served, who: Approver, number: NumberInPath, given: Note) -> None:
    """End an approved permit now."""
    with keeping(services, who, "permit.withdraw", str(number), note=given.note, cause="permit") as (
        connection,
        author,
    ):
        permits.withdraw(connection, number, given.note, author)


@router.get("/deadlines")
def list_deadlines(services: Served, _: Watcher, scope: InScope, within: Within = None) -> list[models.Deadline]:
    """Terms to rectify, dismantling, calibration; the most urgent first. ``within``: days from now."""
    with read(services.engine) as connection:
        return reading.list_deadlines(connection, services.now(), scope, within)


@router.get("/reminders")
def list_reminders(services: Served, _: Watcher, scope: InScope) -> list[models.Reminder]:
    """Deadlines that were said to be near or over, until somebody has seen them; the newest first."""
    with read(services.engine) as connection:
        return reading.list_reminders(connection, scope)


@router.post("/reminders/seen", status_code=status.HTTP_204_NO_CONTENT)
def see_reminders(services: Served, who: Keeper, scope: InScope) -> None:
    """Put all reminders aside that the account sees."""
    with keeping(services, who, "reminder.seen", "") as (connection, author):
        mark_seen(connection, author.name, author.now, scope)


def store_file(services: Services, who: Caller, file: Upload) -> str:
    """Keep an uploaded document; its SHA-256.

    Raises
    ------
    Problem
    """
    content, name = file.file.read(documents.LARGEST + 1), name_of(file)
    with keeping(services, who, "document.store", name) as (connection, author):
        return documents.store(connection, name or "document", content, author)


def name_of(file: Upload) -> str:
    """What a file is called, without what no name holds and no database takes."""
    return "".join(c for c in file.filename or "" if c.isprintable())[-200:]


def attachment(content: bytes, media_type: str, name: str) -> Response:
    """A file to be saved, never shown as a page of ours."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})
