"""The REST API and the page."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field

from stillcold_sim.control.desk import Desk, Kind, Unfit, kinds
from stillcold_sim.plant import TooMany
from stillcold_sim.scenario import Event, Fault
from stillcold_sim.scenario.evasion import AnyEvasion

_STATIC = Path(__file__).parent / "static"
Asked = Annotated[dict[str, Any], Body()]


class ClockChange(BaseModel):
    """What to change of the clock; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    speed: float | None = Field(None, gt=0, le=100_000, description="Simulated seconds in a real one.")
    paused: bool | None = None


class Skip(BaseModel):
    """Move time on."""

    model_config = ConfigDict(extra="forbid")
    seconds: float = Field(gt=0, le=86_400, description="Simulated seconds.")


class Begun(BaseModel):
    """Something that was begun by hand."""

    id: str


def create_app(desk: Desk) -> FastAPI:
    """The application over a running simulation."""
    # Without the interactive documentation: its scripts would come from elsewhere.
    app = FastAPI(title="Stillcold simulator", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    _add_views(app, desk)
    _add_beginnings(app, desk)
    _add_switches(app, desk)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.mount("/static", StaticFiles(directory=_STATIC))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_STATIC / "index.html")

    return app


def _add_views(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/story")
    async def story() -> Response:
        """What is played: ports, meters and story of the scenario, and the kinds of things that can be begun."""
        return _json({**desk.story(), "kinds": kinds()})

    @app.get("/api/state")
    async def state(since: float = -1.0) -> Response:
        """What is shown now; the powers of each meter as far as they are newer than ``since`` (simulated s)."""
        return _json(await desk.state(since))

    @app.get("/api/schema")
    async def schema() -> Response:
        """JSON schema of events, evasions and faults; ``at`` is always now and not given."""
        types: dict[str, Any] = {"event": Event, "evasion": AnyEvasion, "fault": Fault}
        return _json({name: msgspec.json.schema(kind) for name, kind in types.items()})


async def _unfit(_request: Request, error: Exception) -> Response:
    """What does not fit, in the same form as what does not fit a scenario, and without repeating what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    said = (f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
    return JSONResponse({"detail": "; ".join(said)}, 422)


def _json(content: object) -> Response:
    """JSON in which a number that is none, such as a fault's NaN, is null."""
    return Response(msgspec.json.encode(content), media_type="application/json")


def _add_beginnings(app: FastAPI, desk: Desk) -> None:
    async def begin(kind: Kind, asked: dict[str, Any]) -> Begun:
        try:
            return Begun(id=await desk.begin(kind, asked))
        except Unfit as error:
            raise HTTPException(422, str(error)) from error
        except TooMany as error:
            raise HTTPException(409, str(error)) from error

    @app.post("/api/events", status_code=201)
    async def begin_event(asked: Asked) -> Begun:
        """Begin an event of a scenario now, e.g. ``{"meter": "m", "what": "run", "for": 60}``."""
        return await begin("event", asked)

    @app.post("/api/evasions", status_code=201)
    async def begin_evasion(asked: Asked) -> Begun:
        """Begin an evasion of a scenario now, e.g. ``{"meter": "m", "what": "ct_bypass", "share": 0.9}``."""
        return await begin("evasion", asked)

    @app.post("/api/faults", status_code=201)
    async def begin_fault(asked: Asked) -> Begun:
        """Begin a fault of a scenario now, e.g. ``{"meter": "m", "what": "exception", "code": 6}``."""
        return await begin("fault", asked)


def _add_switches(app: FastAPI, desk: Desk) -> None:
    @app.delete("/api/by-hand/{name}", status_code=204)
    async def end(name: str) -> None:
        """End something that was begun by hand."""
        try:
            await desk.end(name)
        except KeyError as error:
            raise HTTPException(404, f"nothing is going on by the name {name}") from error

    @app.patch("/api/clock", status_code=204)
    async def clock(change: ClockChange) -> None:
        """Change the speed, hold the clock or let it go on."""
        await desk.set_clock(change.speed, change.paused)

    @app.post("/api/clock/skip", status_code=204)
    async def skip(how_far: Skip) -> None:
        """Move time on at once, also while it is held; everything in between is played."""
        await desk.skip(how_far.seconds)
