"""A web-hook receiver that remembers what it got, and can fail."""

import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from stillcold_server.alerts.channels import WebhookChannel
from support.authority import Certificate
from support.waiting import LONG, wait_for


@dataclass(frozen=True)
class Request:
    """One request as it came; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.time)
    """Epoch seconds."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class WebhookReceiver:
    """An HTTP server on loopback that answers every request with ``status``, ``headers`` and ``body``.

    Attributes
    ----------
    url : str
        Where to send to.
    port : int
        Where it listens.
    requests : list of Request
        Everything that came, refused ones included.
    status, body, headers : int, bytes, dict of str
        The answer; set them to make it fail.
    """

    def __init__(self, certificate: Certificate | None = None) -> None:
        self.requests: list[Request] = []
        self.status, self.body, self.headers = 200, b"{}", dict[str, str]()
        self._failures: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if certificate:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate.cert_file, certificate.key_file)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.port = int(self._server.server_address[1])
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/hook"

    def channel(self, name: str = "hook", **settings: Any) -> WebhookChannel:
        """The channel that leads here, which must be allowed: it is no public address."""
        return WebhookChannel(name, url=self.url, allow=("127.0.0.1",), **settings)

    def fail_next(self, count: int, status: int = 503) -> None:
        """Answer the next ``count`` requests with ``status``."""
        self._failures.extend([status] * count)

    def wait_for(self, count: int, *, seconds: float = LONG) -> list[Request]:
        """The requests, once there are at least ``count``."""
        wait_for(lambda: len(self.requests) >= count, seconds=seconds, what=f"{count} requests at the web hook")
        return list(self.requests)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, _request: Request) -> tuple[int, bytes]:
        """Status and body for a request; imitations of real services say more."""
        return self.status, self.body

    def _answer(self, request: Request) -> tuple[int, bytes]:
        self.requests.append(request)
        return (self._failures.pop(0), b"") if self._failures else self.answer(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = receiver._answer(Request(self.command, self.path, headers, body))
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep the test's output quiet."""

        return Handler
