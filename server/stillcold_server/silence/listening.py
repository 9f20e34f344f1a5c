"""Whether anybody hears the gateways: each server writes down since when it has been connected to the broker.

A silence is told only of time in which a server has listened. One that was down, or had lost its broker, knows nothing
of anybody; it says so in its health, and gives the gateways their time again once it is back.
"""

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import SQLAlchemyError

from stillcold_server.store.database import upsert, write
from stillcold_server.store.schema import listener

log = logging.getLogger(__name__)
EVERY = 5.0
"""s between two notes."""
FRESH_MS = 20_000
"""A server that has not noted itself for so long does not listen."""


class Listening:
    """Notes that this server listens, for as long as it does.

    Parameters
    ----------
    engine : Engine
        The database.
    server : str
        Whose note it is: the name of its session at the broker.
    connected : callable
        Whether the broker has confirmed the subscriptions.
    now : callable
        ms UTC.
    """

    def __init__(self, engine: Engine, server: str, connected: Callable[[], bool], now: Callable[[], int]) -> None:
        self._engine, self._server, self._connected, self._now = engine, server, connected, now
        self._since: int | None = None
        self._noted = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listening", daemon=True)

    def start(self) -> None:
        """Begin, before anybody looks for silences: what it noted before it was started anew counts no more."""
        with write(self._engine) as connection:
            connection.execute(delete(listener).where(listener.c.server == self._server))
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def note(self) -> None:
        """Write down since when the server has been connected; nothing while it is not.

        It begins anew after a break, be it that the process was frozen or that the clock was set: what is longer ago by
        the clock was not listened to.
        """
        if not self._connected():
            self._since = None
            return
        now = self._now()
        if self._since is None or not 0 <= now - self._noted < FRESH_MS:
            self._since = now
        self._noted = now
        with write(self._engine) as connection:
            note_listening(connection, self._server, self._since, now)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            try:
                self.note()
            except SQLAlchemyError as error:
                self._since = None  # what came meanwhile could not be stored either
                log.error("the database does not take that this server listens: %s", error)


def note_listening(connection: Connection, server: str, since: int, now: int) -> None:
    """Write down that a server has listened from ``since`` to ``now`` (ms)."""
    upsert(connection, listener, [{"server": server, "since": since, "seen": now}])


def listening_since(connection: Connection, now: int) -> int | None:
    """Since when (ms) some server has been listening without a break; None where none does now."""
    t = listener.c
    fresh = t.seen.between(now - FRESH_MS + 1, now + FRESH_MS)
    return min(connection.scalars(select(t.since).where(fresh)), default=None)
