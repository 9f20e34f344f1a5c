"""Routes that take a file: whoever may not call one is refused before its body is read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from stillcold_server.api.guard import Needs, caller, session_cookie
from stillcold_server.api.matrix import needs_of
from stillcold_server.api.services import services_of

_BEARER = HTTPBearer(auto_error=False)


class UploadRoute(APIRoute):
    """Asks first who calls and whether they may, where a body may be larger than others.

    The framework reads a body before it asks the route's dependencies: some MiB of a stranger's would be taken and
    written to a disk for nothing.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See :meth:`fastapi.routing.APIRoute.get_route_handler`."""
        handle, needs = super().get_route_handler(), needs_of(self.dependant)
        if self.max_body_size is None:
            return handle

        async def may_first(request: Request) -> Response:
            await run_in_threadpool(_check, request, await _BEARER(request), needs)
            return await handle(request)

        return may_first


def _check(request: Request, bearer: HTTPAuthorizationCredentials | None, needs: list[Needs]) -> None:
    services = services_of(request)
    who = caller(request, services, bearer, request.cookies.get(session_cookie(services)))
    for need in needs:
        need(who, request, services)
