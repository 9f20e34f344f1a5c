"""Doing one thing after the other, where one that fails must stop no other.

::

    SomeFailed (Exception)      what is said at the end
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine

from stillcold_server.store.database import write

log = logging.getLogger(__name__)
T = TypeVar("T")
_NAMED = 5  # of those that failed, in the message


class SomeFailed(Exception):
    """All was tried; some of it failed."""


class Each:
    """Keeps what has failed.

    Parameters
    ----------
    what : str
        What is done to each, for the log.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._failed: dict[str, Exception] = {}

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Around the work on one thing: what it raises is logged and kept."""
        try:
            yield
        except Exception as error:
            log.exception("%s: %s failed", self._what, name)
            self._failed[name] = error

    def together(
        self, engine: Engine, things: Sequence[T], do: Callable[[Connection, T], int], name: Callable[[T], str]
    ) -> int:
        """Write some things in one transaction, of which one that fails takes back itself; the sum of what was done."""
        done = 0
        with write(engine) as connection:
            for thing in things:
                with self.one(name(thing)), connection.begin_nested():
                    done += do(connection, thing)
        return done

    def end(self) -> None:
        """Say what has failed.

        Raises
        ------
        SomeFailed
        """
        if self._failed:
            named = [f"{name} ({type(e).__name__}: {e})" for name, e in list(self._failed.items())[:_NAMED]]
            more = ", …" if len(self._failed) > _NAMED else ""
            raise SomeFailed(f"{self._what}: {len(self._failed)} failed: {', '.join(named)}{more}")
