"""The ledger: all lines, an enterprise, files in and out, permits and reminders."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy import select

from stillcold_server.api.guard import Approver, InScope, Keeper, Watcher
from stillcold_server.api.models import ledger as models
from stillcold_server.api.models.base import Note, Reasoned
from stillcold_server.api.moments import from_iso
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read import ledger as reading
from stillcold_server.api.read.lines import list_districts
from stillcold_server.api.read.overview import line_rows
from stillcold_server.api.routes import line_ledger as api
from stillcold_server.api.routes.parameters import IdInPath, IdInQuery, NumberInPath
from stillcold_server.api.routes.registry_files import take_in
from stillcold_server.api.services import Served
from stillcold_server.api.uploads import UploadRoute
from stillcold_server.console.naming import line_names
from stillcold_server.console.pages import View, go, safe_next
from stillcold_server.language.words import SHANGHAI
from stillcold_server.registry.kinds import KINDS, ms_of
from stillcold_server.registry.sheets import MOST_BYTES
from stillcold_server.store import schema
from stillcold_server.store.database import read

router = APIRouter(include_in_schema=False, route_class=UploadRoute)
_NEAR = 30
_MOST_SHOWN = 200
Typed = Annotated[str, Form(max_length=1000)]


@router.get("/ledger")
def ledger(
    request: Request, console: View, services: Served, who: Watcher, scope: InScope, district: IdInQuery = None
) -> Response:
    """What waits for somebody, and every line with its stage."""
    with read(services.engine) as connection:
        return console.page(
            request,
            "ledger.html",
            who=who,
            rows=line_rows(connection, scope, district=district),
            districts=list_districts(connection, scope),
            district=district,
            reminders=reading.list_reminders(connection, scope),
            deadlines=reading.list_deadlines(connection, services.now(), scope),
            near_days=_NEAR,
            names=line_names(connection, scope),
            asked=reading.list_permits(connection, scope, state="asked"),
        )


@router.get("/enterprises/{id}")
def enterprise(request: Request, console: View, services: Served, who: Watcher, id: IdInPath) -> Response:  # noqa: A002
    """One enterprise with its lines."""
    e = schema.enterprise
    with read(services.engine) as connection:
        found = connection.execute(select(e).where(e.c.id == id)).one_or_none()
        rows = line_rows(connection, who.scope, enterprise=id)
        due = [
            d for d in reading.list_deadlines(connection, services.now(), who.scope) if d.line in {r.id for r in rows}
        ]
    if found is None:
        raise not_found("enterprise", id)
    return console.page(request, "enterprise.html", who=who, enterprise=found, rows=rows, deadlines=due)


@router.get("/ledger/import")
def import_page(request: Request, console: View, who: Keeper) -> Response:
    """Ask for a file; offer the ledger as files."""
    return console.page(request, "ledger_import.html", who=who, found=None, name="", most=_MOST_SHOWN, kinds=KINDS)


@router.post("/ledger/import", max_body_size=api.UPLOAD)
def import_file(
    request: Request,
    console: View,
    services: Served,
    who: Keeper,
    file: UploadFile,
    dry_run: Annotated[bool, Form()] = True,
) -> Response:
    """Show what a file would change, or import it."""
    name = api.name_of(file)
    found = take_in(services, who, name, file.file.read(MOST_BYTES + 1), dry_run=dry_run)
    status = 422 if found.errors else 200
    return console.page(
        request, "ledger_import.html", who=who, status=status, found=found, name=name, most=_MOST_SHOWN, kinds=KINDS
    )


@router.post("/reminders/seen")
def seen(request: Request, services: Served, who: Keeper, scope: InScope) -> Response:
    """Put all reminders aside that the account sees."""
    api.see_reminders(services, who, scope)
    return go("/ledger", request)


@router.post("/lines/{id}/permits")
def ask_permit(
    request: Request,
    services: Served,
    who: Keeper,
    id: IdInPath,  # noqa: A002
    start: Typed,
    end: Typed,
    reason: Annotated[Reasoned, Form()],
) -> Response:
    """Report an activity."""
    given = {"from": beijing(start, "start"), "to": beijing(end, "end"), "reason": reason}
    api.ask_permit(services, who, id, models.Activity.model_validate(given))
    return go(f"/lines/{id}/ledger", request)


@router.post("/permits/{number}/{verb}")
def decide(
    request: Request,
    services: Served,
    who: Approver,
    number: NumberInPath,
    verb: str,
    given: Annotated[Note, Form()],
) -> Response:
    """Approve, refuse or withdraw one."""
    act = {"approve": api.approve_permit, "refuse": api.refuse_permit, "withdraw": api.withdraw_permit}.get(verb)
    if act is None:
        raise not_found("page", verb)
    act(services, who, number, given)
    return go(safe_next(request.query_params.get("next", ""), "/ledger"), request)


def beijing(text: str, field: str) -> int:
    """ms of a time as a form's field gives it."""
    try:
        return from_iso(ms_of(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)))
    except (ValueError, OverflowError):
        raise Problem(422, "invalid", f"got {text!r}; expected a time, e.g. 2027-01-15T08:00", field=field) from None
