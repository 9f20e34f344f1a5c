"""Observing a line at its sealing, its calendar, and what is stated of it."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import Response

from stillcold_server.api.guard import Verifier, Watcher
from stillcold_server.api.models.verification import PointId, Start
from stillcold_server.api.problems import not_found
from stillcold_server.api.routes import verification as api
from stillcold_server.api.routes.parameters import MONTH, IdInPath, NumberInPath
from stillcold_server.api.services import Served, Services
from stillcold_server.console.pages import View, go
from stillcold_server.days import day_of
from stillcold_server.store.database import read
from stillcold_server.verification import calendar, procedure, statements
from stillcold_server.verification.sheet import cause, hours, sheet_of
from stillcold_server.verification.subject import find_watched

router = APIRouter(include_in_schema=False)
DigestInPath = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get("/lines/{id}/verification")
def verification(request: Request, console: View, services: Served, who: Watcher, id: IdInPath) -> Response:  # noqa: A002
    """How an observation stands, or how to start one, and those before."""
    now = services.now()
    with read(services.engine) as connection:
        watched = find_watched(connection, id)
        if watched is None:
            raise not_found("line", id)
        every = procedure.of_line(connection, id)
        running = next((o for o in every if o.state == "running"), None)
        stands = procedure.progress(connection, running, now) if running else None
        made = {o.id: statements.find(connection, o.statement) for o in every if o.statement}
    behind = "power_cut" in watched.line.measures
    return console.page(
        request, "verification.html", who=who, watched=watched, observations=every, stands=stands, made=made,
        points=procedure.points_of(watched), behind=behind, rule=procedure, cause=cause,
    )  # fmt: skip


@router.post("/lines/{id}/verification")
def start(
    request: Request, services: Served, who: Verifier, id: IdInPath,  # noqa: A002
    minutes: Annotated[int, Form(ge=procedure.LEAST, le=procedure.MOST)] = procedure.MINUTES,
    behind_cut: Annotated[list[PointId], Form(max_length=100)] = [],  # noqa: B006  # FastAPI copies it
) -> Response:  # fmt: skip
    """Begin to observe."""
    api.start(services, who, id, Start(minutes=minutes, behind_cut=behind_cut))
    return go(f"/lines/{id}/verification", request)


@router.post("/verifications/{number}/decide")
def decide(request: Request, services: Served, who: Verifier, number: NumberInPath) -> Response:
    """State what it has come to, and show that."""
    return go(f"/statements/{api.decide(services, who, number).id}", request)


@router.post("/verifications/{number}/abandon")
def abandon(request: Request, services: Served, who: Verifier, number: NumberInPath) -> Response:
    """End it without a result."""
    api.abandon(services, who, number)
    return go(f"/lines/{_line_of(services, number)}/verification", request)


@router.get("/lines/{id}/calendar")
def month(
    request: Request, console: View, services: Served, who: Watcher, id: IdInPath,  # noqa: A002
    month: Annotated[str | None, Query(pattern=MONTH)] = None,
) -> Response:  # fmt: skip
    """A month of a line on one page."""
    now = services.now()
    first = calendar.month_of(month) if month else day_of(now).replace(day=1)
    with read(services.engine) as connection:
        watched = find_watched(connection, id)
        if watched is None:
            raise not_found("line", id)
        cells = calendar.cells_of(connection, watched, first, now)
    return console.page(
        request, "calendar.html", who=who, watched=watched, month=first, weeks=calendar.weeks_of(first), cells=cells,
        before=calendar.month_before(first), after=calendar.next_month(first), today=day_of(now), hours=hours,
        sums=calendar.sums_of(cells.values()), cause=cause,
    )  # fmt: skip


@router.get("/statements/{id}")
def statement(request: Request, console: View, services: Served, who: Watcher, id: IdInPath) -> Response:  # noqa: A002
    """A statement in words, with its files."""
    with read(services.engine) as connection:
        made = statements.find(connection, id)
        if made is None:
            raise not_found("statement", id)
        later = statements.superseded_by(connection, made)
    sheet = sheet_of(made.content, made.digest, console.texts(request))
    return console.page(request, "statement.html", who=who, made=made, sheet=sheet, later=later)


@router.get("/check/{id}/{digest}")
def check(request: Request, console: View, services: Served, id: IdInPath, digest: DigestInPath) -> Response:  # noqa: A002
    """For whoever holds a paper, without a login: whether it counts, and what must stand on it."""
    with read(services.engine) as connection:
        made = statements.checked(connection, id, digest)
        later = statements.superseded_by(connection, made) if made else None
    sheet = sheet_of(made.content, made.digest, console.texts(request)) if made else None
    state = "unknown" if made is None else "superseded" if later else "valid"
    return console.page(
        request, "check.html", status=404 if made is None else 200, sheet=sheet, state=state, later=later
    )


def _line_of(services: Services, number: int) -> str:
    with read(services.engine) as connection:
        return api.found(procedure.find(connection, number), number).line
