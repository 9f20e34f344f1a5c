"""Serving the control of a simulation beside it."""

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from stillcold_sim.control.app import create_app
from stillcold_sim.control.desk import Desk
from stillcold_sim.control.guard import Guard
from stillcold_sim.serve import Served

_HISTORY_EVERY = 1.0  # s of real time
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Control:
    """Where the control is served.

    Attributes
    ----------
    url : str
        Of the page, without the token.
    token : str
        Needed for the API; empty on loopback.
    """

    url: str
    token: str

    @property
    def link(self) -> str:
        """What to open: the page, with the token behind ``#`` so that it never leaves the browser."""
        return f"{self.url}#token={self.token}" if self.token else self.url


@asynccontextmanager
async def controlled(served: Served, host: str, port: int) -> AsyncIterator[Control]:
    """Serve the control of a simulation until the block is left.

    Parameters
    ----------
    served : Served
        The simulation.
    host, port : str, int
        Where; port 0 takes a free one. Beyond loopback the API needs a token, made anew each time.

    Raises
    ------
    OSError
        When the address cannot be had.
    """
    desk = Desk(served)
    local = ipaddress.ip_address(host).is_loopback
    token = "" if local else secrets.token_urlsafe(24)
    with _listening(host, port) as listener:
        app = Guard(create_app(desk), token, (*_LOOPBACK, host) if local else ())
        server = _Web(uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off"))
        tasks = [asyncio.create_task(server.serve([listener])), asyncio.create_task(desk.watch(_HISTORY_EVERY))]
        try:
            shown = f"[{host}]" if ":" in host else host
            yield Control(f"http://{shown}:{listener.getsockname()[1]}/", token)
        finally:
            server.should_exit = True
            tasks[1].cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


class _Web(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for whoever plays the simulation."""
        yield


def _listening(host: str, port: int) -> socket.socket:
    # With its protocol said, asyncio sends small answers at once (TCP_NODELAY).
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
