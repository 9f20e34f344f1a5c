"""The web application: API, console and what surrounds them."""

import logging
from collections.abc import Callable
from importlib.metadata import version
from socket import socket
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from stillcold_server.api.headers import SecurityHeaders
from stillcold_server.api.matrix import rules
from stillcold_server.api.models.base import ProblemBody
from stillcold_server.api.problems import Problem, of_http, of_validation, problem_response
from stillcold_server.api.refusals import note_refused_request
from stillcold_server.api.routes import (
    account,
    alarms,
    alerts,
    audit,
    contacts,
    events,
    handovers,
    health,
    identity,
    jobs,
    ledger,
    line_ledger,
    registry_files,
    rosters,
    security,
    users,
    verification,
)
from stillcold_server.api.services import Services
from stillcold_server.config import Config
from stillcold_server.console.assets import STATIC
from stillcold_server.console.pages import Console
from stillcold_server.console.routes import ROUTERS
from stillcold_server.duty.reach import NO_CHANNELS, Channels
from stillcold_server.live import Hub
from stillcold_server.metrics import Metrics
from stillcold_server.store.clock import wall_clock

log = logging.getLogger(__name__)
API = "/api/v1"
_LARGEST_BODY = 64 << 10
_PROGRAMS = ("/api/", "/metrics", "/healthz", "/static/")
_REFUSALS = (400, 401, 403, 404, 409, 422, 429, 503)
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    413: {"description": "The body is too large; nothing has looked at it", "content": {"text/plain": {}}},
    **{status: {"model": ProblemBody, "description": "Not done"} for status in _REFUSALS},
}


class _Application(FastAPI):
    """States in the OpenAPI document that refusals are problems, not plain JSON, and who may call a route."""

    def openapi(self) -> dict[str, Any]:
        """See :meth:`fastapi.FastAPI.openapi`."""
        if self.openapi_schema is None:
            needed = {(rule.path, rule.method.lower()): rule.permissions for rule in rules(self)}
            for path, methods in super().openapi()["paths"].items():
                for method, operation in methods.items():
                    operation["x-permissions"] = list(needed[path, method])
                    for status, answer in operation["responses"].items():
                        if int(status) >= 400 and "application/json" in answer.get("content", {}):
                            answer["content"]["application/problem+json"] = answer["content"].pop("application/json")
        return super().openapi()


def create_app(
    engine: Engine,
    config: Config,
    hub: Hub,
    metrics: Metrics,
    now: Callable[[], int] = wall_clock,
    channels: Channels = NO_CHANNELS,
) -> FastAPI:
    """Everything that is served over HTTP.

    Parameters
    ----------
    engine : Engine
        The database, in the form that this version needs.
    config : Config
        The server's configuration.
    hub : Hub
        What is published there reaches every open console.
    metrics : Metrics
        Shown at ``/metrics``.
    now : callable, optional
        ms UTC.
    channels : Channels, optional
        Those that are configured.

    Raises
    ------
    RuntimeError
        When the console's scripts and styles have not been built.
    """
    app = _Application(
        title="Stillcold",
        version=version("stillcold-server"),
        summary="Sealed production lines: what is proved of them, and alerts when one is not dead.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=_LARGEST_BODY,
        middleware=[
            Middleware(SecurityHeaders, https=config.http.secure_cookies),
            Middleware(
                GZipMiddleware, minimum_size=1000, compresslevel=5
            ),  # the charts are 0.5 MB, a phone on 4G waits
        ],
    )
    app.state.services = Services(engine, config, hub, metrics, now, channels=channels)
    api = APIRouter(prefix=API, responses=_PROBLEMS)
    for part in (
        account,
        ledger,
        line_ledger,
        registry_files,
        identity,
        alerts,
        alarms,
        events,
        health,
        jobs,
        users,
        audit,
        verification,
        security,
        rosters,
        contacts,
        handovers,
    ):
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(health.outside)
    console = Console(config.language)
    app.state.console = console
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _answer_errors(app, console)
    return app


class WebServer(uvicorn.Server):
    """Serves the application; at the end it closes the streams of open consoles, which would hold it up.

    Parameters
    ----------
    config : uvicorn.Config
        Where and what to serve.
    hub : Hub
        The streams' source.
    """

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """See :meth:`uvicorn.Server.shutdown`."""
        self._hub.close()
        await super().shutdown(sockets)


def _answer_errors(app: FastAPI, console: Console) -> None:
    def answer(request: Request, problem: Problem) -> Response:
        if request.url.path.startswith(_PROGRAMS):
            return problem_response(problem)
        return console.problem(request, problem)

    def known(request: Request, error: Exception) -> Response:
        match error:
            case Problem():
                problem = error
            case RequestValidationError():
                problem = of_validation(error)
            case HTTPException():
                problem = of_http(error)
            case _:
                raise error
        note_refused_request(request, problem)
        return answer(request, problem)

    def busy(request: Request, error: Exception) -> Response:
        log.error("the database does not answer: %s", error)
        return answer(request, Problem(503, "busy", "the database does not answer; try again", retry_after=5))

    def unforeseen(request: Request, _error: Exception) -> Response:
        # The framework raises it again after this answer, and the web server logs it with its traceback.
        return answer(request, Problem(500, "internal", "the server failed; its log says more"))

    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(OperationalError, busy)
    app.add_exception_handler(Exception, unforeseen)
