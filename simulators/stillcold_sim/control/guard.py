"""Who may control a simulation, and the headers of every answer."""

import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests through to the application, or answers why not.

    On loopback the name in the ``Host`` header must be one of loopback, so that a foreign page whose name is made to
    point here gets nothing. Elsewhere the API needs the token.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    token : str
        Needed for the API as ``Authorization: Bearer …``; empty for none.
    hosts : iterable of str
        Names in the ``Host`` header that are taken; empty for any.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str]) -> None:
        self._app, self._token, self._hosts = app, token, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["path"], Headers(scope=scope))
        app = JSONResponse({"detail": refusal[1]}, refusal[0]) if refusal else self._app
        await app(scope, receive, _with_headers(send))

    def _refusal(self, path: str, headers: Headers) -> tuple[int, str] | None:
        if self._hosts and urlsplit(f"//{headers.get('host', '')}").hostname not in self._hosts:
            return 403, "this name does not lead here"
        if path.startswith("/api") and _from_elsewhere(headers):
            return 403, "another page may not ask here"
        if self._token and path.startswith("/api"):
            given = headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return 401, "the token is missing or wrong"
        return None


def _from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another page asks."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return True
    return headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return send_with_headers
