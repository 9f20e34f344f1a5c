"""Followers: each reads the stored batches in order behind a durable cursor of its own and does one thing with them.

Detection, rollups and the Influx mirror are followers. A follower's rows and its cursor are committed together, so
after a crash it goes on exactly where it was. Of several servers on one database one does a follower's work, by lease.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select
from sqlalchemy.exc import OperationalError

from stillcold_core.contract.batch import Batch, decode_batch
from stillcold_core.evidence.envelope import stored_payload
from stillcold_server.store import schema
from stillcold_server.store.database import read, upsert, write
from stillcold_server.store.lease import Lease, LeaseLost

log = logging.getLogger(__name__)
_TOGETHER = 50
_IDLE = 1.0  # s between looks at the table when nobody rings
_RETRY = 2.0  # s after a failure


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A batch as it lies in the store."""

    id: int
    received_at: int
    """ms"""
    batch: Batch


class Follower:
    """One reader of the stored batches.

    Parameters
    ----------
    name : str
        Of its cursor.
    engine : Engine
        The database.
    prepare : callable, optional
        Called with the batches before the transaction: for what happens outside the database. It may be called again
        with the same batches after a failure.
    handle : callable, optional
        Called with the transaction that also moves the cursor.
    after : callable, optional
        Called when that is committed.
    closed : callable, optional
        Called when the follower has stopped.
    lease : Lease, optional
        Where several servers may follow: the one that has it does.
    watched : callable, optional
        Called when another server has moved the cursor.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        *,
        prepare: Callable[[Sequence[Stored]], None] | None = None,
        handle: Callable[[Connection, Sequence[Stored]], None] | None = None,
        after: Callable[[], None] | None = None,
        closed: Callable[[], None] | None = None,
        lease: Lease | None = None,
        watched: Callable[[], None] | None = None,
    ) -> None:
        self.name, self._engine = name, engine
        self._prepare, self._handle, self._after = prepare, handle, after
        self._closed, self._lease, self._watched = closed, lease, watched
        self._seen = 0  # where the cursor was when another server followed
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to follow in a thread of its own."""
        self._thread.start()

    def ring(self) -> None:
        """Say that there is something new."""
        self._bell.set()

    def stop(self) -> None:
        """End after the batches in hand."""
        self._stopping.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._closed:
            self._closed()
        if self._lease:
            self._give_up(self._lease)

    def _give_up(self, lease: Lease) -> None:
        try:
            lease.give_up(self._engine)
        except OperationalError as error:  # it ends by itself
            log.warning("%s: cannot say that it has stopped: %s", self.name, error.orig)

    def catch_up(self) -> int:
        """Do all that is stored and not done yet; the number of batches done."""
        done = 0
        while (count := self._next()) and not self._stopping.is_set():
            done += count
        return done

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            try:
                if self._lease is None or self._lease.mine(self._engine):
                    self.catch_up()
                else:
                    self._watch()
            except LeaseLost as error:
                log.warning("%s: %s", self.name, error)
            except Exception:
                # The cursor has not moved: the same batches are tried again, and its lag shows that something is wrong.
                log.exception("%s: failed, trying again", self.name)
                self._stopping.wait(_RETRY)
            self._bell.wait(_IDLE)

    def _watch(self) -> None:
        with read(self._engine) as connection:
            at = position(connection, self.name)
        if at != self._seen and self._watched:
            self._watched()
        self._seen = at

    def _next(self) -> int:
        with read(self._engine) as connection:
            batches = load_batches(connection, position(connection, self.name), _TOGETHER)
        if not batches:
            return 0
        if self._prepare:
            self._prepare(batches)
        with write(self._engine) as connection:
            if self._lease:
                self._lease.keep(connection)
            if self._handle:
                self._handle(connection, batches)
            upsert(connection, schema.cursor, [{"name": self.name, "position": batches[-1].id}])
        if self._after:
            self._after()
        return len(batches)


def position(connection: Connection, name: str) -> int:
    """Id of the last batch that a follower has done; 0 before the first."""
    return connection.scalar(select(schema.cursor.c.position).where(schema.cursor.c.name == name)) or 0


def lag(connection: Connection, name: str) -> int:
    """Batches that a follower has still to do."""
    behind = select(func.count()).select_from(schema.batch).where(schema.batch.c.id > position(connection, name))
    return connection.scalar(behind) or 0


def load_batches(connection: Connection, after: int, limit: int, until: int | None = None) -> list[Stored]:
    """The next batches after an id, up to another one if it is given, decoded."""
    number = schema.batch.c.id
    wanted = (number > after) if until is None else (number > after) & (number <= until)
    return _decoded(connection, _ROWS.where(wanted).order_by(number).limit(limit))


def load_these(connection: Connection, numbers: Sequence[int]) -> list[Stored]:
    """Batches by their ids, in order, decoded."""
    number = schema.batch.c.id
    return _decoded(connection, _ROWS.where(number.in_(numbers)).order_by(number))


_ROWS = select(schema.batch.c.id, schema.batch.c.received_at, schema.batch.c.body)


def _decoded(connection: Connection, query: Select[Any]) -> list[Stored]:
    rows = connection.execute(query)
    return [Stored(r.id, r.received_at, decode_batch(stored_payload(r.body))) for r in rows]
