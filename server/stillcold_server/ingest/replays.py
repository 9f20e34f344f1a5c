"""Asking gateways for batches that they still keep and that this server has not, or has no longer."""

import logging
import threading
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import SQLAlchemyError

from stillcold_core.contract.messages import MOST_RANGES, ReplayRequest
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from stillcold_server.store.lease import Lease

log = logging.getLogger(__name__)
_IDLE = 2.0  # s between looks at the table
Range = tuple[bytes, int, int]
"""Epoch, first and last sequence."""


class NothingMissing(Exception):
    """The server misses nothing of the gateway that it knows of."""


def request_replay(connection: Connection, gateway: str, wanted: Range | None, now: int) -> Sequence[Range]:
    """Have the running server ask a gateway, as soon as it is online.

    Parameters
    ----------
    wanted : tuple or None
        What to ask for; every gap that is open in the gateway's chain where it is None.
    now : int
        ms

    Returns
    -------
    sequence of tuple
        What is asked for.

    Raises
    ------
    NothingMissing
        When no gap is open.
    """
    ranges = [wanted] if wanted else _open_gaps(connection, gateway)
    if not ranges:
        raise NothingMissing
    rows = [{"gateway": gateway, "epoch": e, "first": f, "until": u, "asked_at": now} for e, f, u in ranges]
    connection.execute(schema.replay.insert(), rows)
    return ranges


class Replays:
    """Sends what was asked for.

    Parameters
    ----------
    engine : Engine
        The database.
    ask : callable
        Publishes a request to a gateway; whether the broker took it.
    now : callable
        ms
    lease : Lease, optional
        Where several servers may ask: the one that has it does.
    """

    def __init__(
        self,
        engine: Engine,
        ask: Callable[[str, ReplayRequest], bool],
        now: Callable[[], int],
        lease: Lease | None = None,
    ) -> None:
        self._engine, self._ask, self._now, self._lease = engine, ask, now, lease
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replays", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def send(self) -> None:
        """Ask every gateway that is online for what is still to be asked of it."""
        waiting = self._waiting()
        if not waiting or not (self._lease is None or self._lease.mine(self._engine)):
            return
        for (gateway, epoch), rows in waiting.items():
            for i in range(0, len(rows), MOST_RANGES):
                some = rows[i : i + MOST_RANGES]
                if self._ask(gateway, ReplayRequest(epoch, [(first, until) for _, first, until in some])):
                    log.info("asked %s for %d ranges of its batches again", gateway, len(some))
                    self._note_sent([number for number, _, _ in some])

    def _run(self) -> None:
        while not self._stopping.wait(_IDLE):
            try:
                self.send()
            except SQLAlchemyError as error:
                log.error("the database does not say what to ask for again, trying again: %s", error)

    def _waiting(self) -> dict[tuple[str, bytes], list[tuple[int, int, int]]]:
        r, g = schema.replay.c, schema.gateway.c
        query = select(schema.replay).join(schema.gateway, g.id == r.gateway)
        found: dict[tuple[str, bytes], list[tuple[int, int, int]]] = {}
        with read(self._engine) as connection:
            for row in connection.execute(query.where(r.sent_at.is_(None), g.status == "online").order_by(r.id)):
                found.setdefault((row.gateway, row.epoch), []).append((row.id, row.first, row.until))
        return found

    def _note_sent(self, numbers: Sequence[int]) -> None:
        with write(self._engine) as connection:
            connection.execute(update(schema.replay).where(schema.replay.c.id.in_(numbers)).values(sent_at=self._now()))


def _open_gaps(connection: Connection, gateway: str) -> list[Range]:
    note = schema.chain_note.c
    open_ones = select(note.epoch, note.sequence, note.until).where(
        note.gateway == gateway, note.kind == "gap", note.closed_at.is_(None)
    )
    return [(row.epoch, row.sequence, row.until) for row in connection.execute(open_ones.order_by(note.id))]
