"""A web-hook receiver that remembers what it got, and can fail."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

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
    """An HTTP server on loopback that answers every POST with ``status`` and ``body``.

    Attributes
    ----------
    url : str
        Where to send to.
    requests : list of Request
        Everything that came, refused ones included.
    status, body : int, bytes
        The answer; set them to make it fail.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status, self.body = 200, b"{}"
        self._failures: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

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

    def _answer(self, request: Request) -> tuple[int, bytes]:
        self.requests.append(request)
        return (self._failures.pop(0), b"") if self._failures else (self.status, self.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = receiver._answer(Request("POST", self.path, headers, body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Keep the test's output quiet."""

        return Handler
