"""The demo's duty phone: a webhook receiver that remembers when which alert came."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_LONGEST = 1 << 20  # bytes


class Receiver:
    """Listens on loopback while the block runs.

    Attributes
    ----------
    came : dict of str to float
        Epoch seconds by the id of the alert.
    url : str
        Where to send to.
    """

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.came))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/duty-phone"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(came: dict[str, float]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), _LONGEST))
            came.setdefault(json.loads(body)["id"], time.time())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing on the demo's screen."""

    return Handler
