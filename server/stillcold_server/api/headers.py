"""Headers that every answer carries."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), serial=(), display-capture=()",
}
_ASSETS = "/static/assets/"
"""Names there carry the hash of the content."""


class SecurityHeaders:
    """Adds the headers; answers are not kept by browsers and proxies, but for assets that never change.

    Parameters
    ----------
    app : ASGI application
        What answers.
    https : bool
        Whether browsers reach us by HTTPS only.
    """

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self._app = app
        self._always = {
            **_ALWAYS,
            **({"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if https else {}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kept = "public, max-age=31536000, immutable" if scope["path"].startswith(_ASSETS) else "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._always)
                if headers.get("content-type") == "image/svg+xml":  # text, of which nobody else says the encoding
                    headers["Content-Type"] = "image/svg+xml; charset=utf-8"
                headers["Cache-Control"] = kept if message["status"] < 400 else "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)
