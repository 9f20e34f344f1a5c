"""The ledger of one line: its life, seals, documents, history."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as Upload

from stillcold_core.life import TERMS
from stillcold_server.api.guard import Caller, Keeper, Needs, Verifier, Watcher
from stillcold_server.api.models import ledger as models
from stillcold_server.api.problems import not_found
from stillcold_server.api.read import ledger as reading
from stillcold_server.api.read.lines import list_points
from stillcold_server.api.read.overview import line_rows
from stillcold_server.api.routes import line_ledger as api
from stillcold_server.api.routes.parameters import IdInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.api.uploads import UploadRoute
from stillcold_server.console.pages import View, go, safe_next
from stillcold_server.console.routes.ledger import beijing
from stillcold_server.days import day_of
from stillcold_server.registry.life import STEPS
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False, route_class=UploadRoute)
_DOCUMENT = "document."
_STANDARD = "standards."
_MOST_FILES = 4
Typed = Annotated[str, Form(max_length=1000)]
M = TypeVar("M", bound=BaseModel)


@router.get("/lines/{id}/ledger")
def line_ledger(request: Request, console: View, services: Served, who: Watcher, id: IdInPath) -> Response:  # noqa: A002
    """What the ledger has of a line, and the steps that lead on."""
    with read(services.engine) as connection:
        found = reading.line_ledger(connection, id, services.now())
        row = next((r for r in line_rows(connection, who.scope) if r.id == id), None)
        history = reading.history_of(connection, id)
        points = [p.id for p in list_points(connection, who.scope, line=id)]
    if found is None or row is None:
        raise not_found("line", id)
    return console.page(
        request,
        "line_ledger.html",
        who=who,
        line=row,
        ledger=found,
        history=history,
        points=points,
        steps={name: STEPS[name] for name in found.next if who.account.may(STEPS[name].right)},
        standards=tuple(TERMS),
        today=day_of(services.now()),
    )


@router.post("/lines/{id}/steps/{step}", max_body_size=_MOST_FILES * api.UPLOAD)
async def take(request: Request, services: Served, who: api.Clerk, id: IdInPath, step: IdInPath) -> Response:  # noqa: A002
    """Take a step of a line's life, with its documents."""
    async with request.form(max_files=_MOST_FILES, max_fields=40) as form:
        await run_in_threadpool(_take, services, who, id, step, form)
    return go(f"/lines/{id}/ledger", request)


@router.post("/lines/{id}/seals", max_body_size=api.UPLOAD)
def add_seal(
    request: Request,
    services: Served,
    who: Verifier,
    id: IdInPath,  # noqa: A002
    number: Typed,
    place: Typed,
    applied_at: Typed,
    applied_by: Typed,
    photo: UploadFile | None = None,
) -> Response:
    """Enter a seal, with its picture."""
    given = {
        "id": number, "place": place, "applied_at": beijing(applied_at, "applied_at"), "applied_by": applied_by,
    }  # fmt: skip
    seal = checked(models.NewSeal, given)
    if photo is not None and photo.filename:
        seal = seal.model_copy(update={"photo": api.store_file(services, who, photo)})
    api.add_seal(services, who, id, seal)
    return go(f"/lines/{id}/ledger", request)


@router.post("/lines/{id}/meters")
def enter_meter(
    request: Request,
    services: Served,
    who: Keeper,
    id: IdInPath,  # noqa: A002
    number: Typed,
    point: Typed,
    model: Typed = "",
    serial: Typed = "",
    certificate: Typed = "",
    laboratory: Typed = "",
    issued: Typed = "",
    expires: Typed = "",
) -> Response:
    """Enter a meter, or its new certificate."""
    given = {
        "id": number, "point": point, "model": model, "serial": serial, "certificate": certificate,
        "laboratory": laboratory, "issued": issued or None, "expires": expires or None,
    }  # fmt: skip
    api.enter_meter(services, who, id, checked(models.NewMeter, given))
    return go(f"/lines/{id}/ledger", request)


@router.post("/seals/{id}/end")
def end_seal(
    request: Request,
    services: Served,
    who: Verifier,
    id: IdInPath,  # noqa: A002
    state: Typed,
    at: Typed,
    by: Typed,
    replaced_by: Typed = "",
    note: Typed = "",
) -> Response:
    """Say what became of a seal."""
    given = {
        "state": state, "at": beijing(at, "at"), "by": by, "replaced_by": replaced_by.strip() or None, "note": note,
    }  # fmt: skip
    api.end_seal(services, who, id, checked(models.SealEnd, given))
    return go(safe_next(request.query_params.get("next", ""), "/ledger"), request)


def _take(services: Services, who: Caller, line: str, name: str, form: FormData) -> None:
    if name not in STEPS:
        raise not_found("step", name)
    Needs(STEPS[name].right).check(who)
    given = checked(models.Step, _fields(form))
    files = {
        key.removeprefix(_DOCUMENT): value
        for key, value in form.items()
        if key.startswith(_DOCUMENT) and isinstance(value, Upload) and value.filename
    }
    stored = {role: api.store_file(services, who, file) for role, file in files.items()}
    api.step(services, who, line, name, checked(models.Step, given.model_dump() | {"documents": stored}))


def _fields(form: FormData) -> dict[str, Any]:
    """What a step is given, as the API takes it."""
    texts = {key: value.strip() for key, value in form.items() if isinstance(value, str) and value.strip()}
    standards = {k.removeprefix(_STANDARD): v for k, v in texts.items() if k.startswith(_STANDARD)}
    plain: dict[str, Any] = {key: value for key, value in texts.items() if not key.startswith(_STANDARD)}
    if "measures" in plain:
        plain["measures"] = form.getlist("measures")
    return plain | ({"standards": standards} if standards else {})


def checked(model: type[M], given: Mapping[str, Any]) -> M:
    """Fields of a form as a request of the API.

    Raises
    ------
    RequestValidationError
        As of a request that was not made by a form.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("form", *e["loc"])} for e in error.errors()]) from error
