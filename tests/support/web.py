"""The web application, really served, and clients for it."""

import socket
import tempfile
import threading
from copy import copy
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine
from starlette.datastructures import State

from stillcold_server.api.app import WebServer, create_app
from stillcold_server.api.guard import COOKIE
from stillcold_server.api.services import Services
from stillcold_server.config import Config, Http, People
from stillcold_server.duty.reach import NO_CHANNELS, Channels
from stillcold_server.live import Hub
from stillcold_server.metrics import Metrics
from stillcold_server.people.passwords import hash_password
from stillcold_server.people.sessions import open_session
from stillcold_server.store import schema
from stillcold_server.store.database import write
from support.waiting import LONG, wait_for

PASSWORD = "three cold lines"
API = "/api/v1"
_KEYS = tempfile.TemporaryDirectory()
_CONFIG = Config(http=Http(host="127.0.0.1"), people=People(key_file=f"{_KEYS.name}/people.key"))


class Clock:
    """A clock that stands until it is told to go on; ms."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Web:
    """A web server in a thread of its own.

    Parameters
    ----------
    engine : Engine
        The database.
    now : int
        ms; what its clock shows.
    port : int
        Where; by default a free one.
    config : Config, optional
        The server's.
    channels : Channels, optional
        Those that are configured.
    """

    def __init__(
        self, engine: Engine, now: int, port: int = 0, config: Config = _CONFIG, channels: Channels = NO_CHANNELS
    ) -> None:
        self.engine, self.config, self.clock, self.hub, self.metrics = engine, config, Clock(now), Hub(), Metrics()
        self.app = _application(Services(engine, config, self.hub, self.metrics, self.clock, channels=channels))
        # With its protocol said, asyncio sends small answers at once (TCP_NODELAY), as it does for sockets of its own.
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        serving = uvicorn.Config(self.app, log_config=None, server_header=False, timeout_graceful_shutdown=10)
        self.server = WebServer(serving, self.hub)
        self._thread = threading.Thread(target=self.server.run, args=([self._socket],), daemon=True)
        self._clients: list[httpx.Client] = []

    def user(self, name: str, roles: str, *districts: str) -> None:
        """Make an account with :data:`PASSWORD`; several roles stand with ``+`` between them."""
        row = {"name": name, "roles": roles.split("+"), "password_hash": _hashed(), "must_change": False}
        row |= {"districts": list(districts) or None}
        with write(self.engine) as connection:
            connection.execute(schema.user.insert(), row | {"disabled": False, "created_at": self.clock.now})

    def token(self, name: str) -> str:
        """A new session of an account, as a login begins it."""
        now, lasts = self.clock.now, round(self.config.http.session_hours * 3_600_000)
        with write(self.engine) as connection:
            return open_session(connection, name, now=now, expires_at=now + lasts)

    def client(self) -> httpx.Client:
        """A client that is not logged in."""
        client = httpx.Client(base_url=self.url, timeout=LONG)
        self._clients.append(client)
        return client

    def program(self, role: str, name: str = "") -> httpx.Client:
        """A client with a token of a new account."""
        self.user(name or role, role)
        client = self.client()
        client.headers["Authorization"] = f"Bearer {self.token(name or role)}"
        return client

    def browser(self, role: str, name: str = "") -> httpx.Client:
        """A client with a cookie of a new account, that says like a browser where its requests come from."""
        self.user(name or role, role)
        client = self.client()
        client.headers["Origin"] = self.url
        self.enter(client, name or role)
        return client

    def enter(self, client: httpx.Client, name: str) -> None:
        """Give a browser a new session."""
        client.cookies.set(COOKIE, self.token(name))

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for(lambda: self.server.started, what="web server started")
        return self

    def stop(self) -> None:
        """End it as SIGTERM does."""
        self.server.should_exit = True
        self._thread.join()
        self._socket.close()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for client in self._clients:
            client.close()
        self.stop()


def _application(services: Services) -> FastAPI:
    """What ``create_app`` makes. With the usual configuration it shares the routes of the first one in this process.

    The framework takes a second to analyse them, for each application anew.
    """
    if services.config is not _CONFIG:
        return _made(services)
    app = copy(_usual())
    app.state = State({"services": services, "console": app.state.console})
    return app


@cache
def _usual() -> FastAPI:
    return _made(Services(create_engine("sqlite://"), _CONFIG, Hub(), Metrics(), Clock(0)))


def _made(services: Services) -> FastAPI:
    s = services
    return create_app(s.engine, s.config, s.hub, s.metrics, s.now, s.channels)


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)  # slow, as it must be: once is enough for a test


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    """The JSON of an answer that must be good."""
    answer = client.get(API + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, word and field of a refusal, in the form that every refusal has."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "field"}
    assert body["status"] == answer.status_code
    return answer.status_code, body["type"].removeprefix("urn:stillcold:problem:"), body["field"]
