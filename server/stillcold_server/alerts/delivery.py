"""The outbox: every delivery is a row before it is tried, and one place owns all retries.

Any number of servers may share the rows (:mod:`~stillcold_server.alerts.claims`). Each channel has workers of its own,
so that one that fails or hangs holds up no other.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, Engine, Row, select
from sqlalchemy.exc import SQLAlchemyError

from stillcold_server.alerts import claims
from stillcold_server.alerts.message import Message, message_of, test_message
from stillcold_server.alerts.pipeline import taken_up
from stillcold_server.alerts.senders import NotDelivered, Sender
from stillcold_server.language.texts import Texts
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import read, write
from stillcold_server.store.lease import SECONDS, new_owner

log = logging.getLogger(__name__)
WORKERS = 4
"""Messages on their way at once, by channel."""
_IDLE = 1.0  # s between looks at the table when nobody rings
_SWEPT = 15.0  # s between looks for what waits for a channel that is configured no more
_SWEEP = 100  # of these at once
_LONGEST = 60.0
"""s after which the lease of a message that is still on its way is renewed no more: a sender bounds its own time."""

Failed = Callable[[Connection, Row[Any], int], None]


class Outbox:
    """Delivers what waits.

    Parameters
    ----------
    engine : Engine
        The database.
    senders : mapping of str to Sender
        By channel.
    metrics : Metrics
        Counts deliveries by outcome.
    texts : Texts
        Of the officers' language.
    public_url : str
        Address that officers reach the console under; may be empty.
    lease : float
        s for which a message stays with this sender when it ends without a word.
    on_failed : callable, optional
        Told of a delivery that has failed for good, in the transaction that notes it: who else is to be told?
    """

    def __init__(
        self,
        engine: Engine,
        senders: Mapping[str, Sender],
        metrics: Metrics,
        *,
        texts: Texts,
        public_url: str = "",
        lease: float = SECONDS,
        on_failed: Failed | None = None,
    ) -> None:
        self._engine, self._senders, self._metrics = engine, senders, metrics
        self._texts, self._public_url, self._on_failed = texts, public_url, on_failed
        self.lease = lease
        self.owner = new_owner()
        self._lanes = {channel: _Lane(channel, self) for channel in senders}
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="deliver-left", daemon=True)

    @property
    def channels(self) -> Sequence[str]:
        """Ids of the channels that every alert goes to."""
        return tuple(self._senders)

    @property
    def alive(self) -> bool:
        """Whether every channel is attended to."""
        return self._sweeper.is_alive() and all(lane.thread.is_alive() for lane in self._lanes.values())

    def start(self) -> None:
        """Begin: threads of its own for each channel."""
        self._sweeper.start()
        for lane in self._lanes.values():
            lane.thread.start()

    def ring(self) -> None:
        """Say that there is something new."""
        for lane in self._lanes.values():
            lane.bell.set()

    def stop(self) -> None:
        """End after the deliveries in hand; the rest waits in the outbox."""
        self._stopping.set()
        for lane in self._lanes.values():
            lane.stopping.set()
            lane.bell.set()
        for lane in self._lanes.values():
            if lane.thread.is_alive():
                lane.thread.join()
        if self._sweeper.is_alive():
            self._sweeper.join()

    def deliver_due(self, channel: str, now: int) -> int:
        """Try what is due on a channel, one after the other; how many were tried."""
        rows = self.claim(channel, now, 50)
        for row in rows:
            self.attempt(row)
        return len(rows)

    def give_up_left(self, now: int) -> int:
        """Give up what waits for a channel that is configured no more (``now`` in ms); how many messages."""
        with read(self._engine) as connection:
            rows = claims.left_over(connection, self.channels, now, _SWEEP)
        for row in rows:
            self._failed(row, claims.CHANNEL_REMOVED, final=True)
        return len(rows)

    def claim(self, channel: str, now: int, limit: int) -> Sequence[Row[Any]]:
        """Take what is due on a channel."""
        with read(self._engine) as connection:
            if not claims.due(connection, channel, now):
                return ()
        with write(self._engine) as connection:
            return claims.claim(connection, channel, self.owner, now, limit, self.lease)

    def next_due(self, channel: str) -> int | None:
        """When the next message of a channel is due, ms."""
        with read(self._engine) as connection:
            return claims.next_due(connection, channel)

    def renew(self, numbers: Sequence[int]) -> None:
        """Keep what is on its way."""
        with write(self._engine) as connection:
            claims.renew(connection, self.owner, numbers, self.lease)

    def attempt(self, row: Row[Any]) -> None:
        """Send a row that was claimed, and note what came of it."""
        try:
            message = self._message(row)
            if message is None:
                self._drop(row)
                return
            said = self._senders[row.channel].send(message, row.address)
        except NotDelivered as error:
            self._failed(row, str(error), final=error.permanent, wait=error.retry_after or 0.0)
        except Exception as error:
            # Whatever a channel's library raises, the delivery stays due: nobody has been told.
            log.exception("channel %s: the sender failed", row.channel)
            self._failed(row, f"{type(error).__name__}: {error}")
        else:
            with write(self._engine) as connection:
                claims.delivered(connection, row, wall_clock(), said)
            self._metrics.delivery(row.channel, "delivered")

    def _failed(self, row: Row[Any], detail: str, *, final: bool = False, wait: float = 0.0) -> None:
        log.error("channel %s did not take alert %s: %s", row.channel, row.alert, detail)
        now = wall_clock()
        with write(self._engine) as connection:
            failed = claims.refused(connection, row, now, detail, final=final, wait=wait)
            if failed and self._on_failed:
                self._on_failed(connection, row, now)
        self._metrics.delivery(row.channel, "failed" if failed else "retried")
        if failed:
            self.ring()

    def _sweep(self) -> None:
        while not self._stopping.is_set():
            try:
                self.give_up_left(wall_clock())
            except Exception:
                log.exception("what waits for channels that are configured no more cannot be given up, trying again")
            self._stopping.wait(_SWEPT)

    def _drop(self, row: Row[Any]) -> None:
        with write(self._engine) as connection:
            claims.dropped(connection, row, "acknowledged")

    def _message(self, row: Row[Any]) -> Message | None:
        """What is to be sent; None when a person need not be called any more."""
        with read(self._engine) as connection:
            if row.alert is None:
                message = test_message(self._texts, _code(connection, row), row.created_at, self._public_url)
            elif row.recipient and taken_up(connection, row.alert):
                return None
            else:
                message = message_of(connection, row.alert, self._texts, self._public_url)
        return {**message, "key": claims.key_of(row), "page": row.page, "recipient": row.recipient}


class _Lane:
    """The thread of one channel: takes what is due while it has workers to send it, and keeps the leases of those."""

    def __init__(self, channel: str, outbox: Outbox) -> None:
        self.bell, self.stopping = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"deliver-{channel}", daemon=True)
        self._channel, self._outbox = channel, outbox
        self._sending: dict[Future[None], tuple[int, float]] = {}
        self._renewed = 0.0

    def _run(self) -> None:
        with ThreadPoolExecutor(WORKERS, thread_name_prefix=self.thread.name) as pool:
            while not self.stopping.is_set():
                self.bell.clear()
                try:
                    began = self._begin(pool)
                    self._renew()
                except Exception:
                    log.exception("channel %s: the outbox cannot be read, trying again", self._channel)
                    began = 0
                if not began or len(self._sending) >= WORKERS:
                    self.bell.wait(self._pause())

    def _pause(self) -> float:
        """s until there may be something to do, if nobody rings before."""
        try:
            due = self._outbox.next_due(self._channel)
        except SQLAlchemyError:
            return _IDLE
        return _IDLE if due is None or len(self._sending) >= WORKERS else min(max(due - wall_clock(), 10) / 1000, _IDLE)

    def _begin(self, pool: ThreadPoolExecutor) -> int:
        self._sending = {f: at for f, at in self._sending.items() if not f.done()}
        free = WORKERS - len(self._sending)
        rows = self._outbox.claim(self._channel, wall_clock(), free) if free else ()
        for row in rows:
            future = pool.submit(self._outbox.attempt, row)
            self._sending[future] = (row.id, time.monotonic())
            future.add_done_callback(self._done)
        return len(rows)

    def _done(self, future: Future[None]) -> None:
        error = future.exception()
        if error is not None:
            # What came of it could not be noted: the lease ends, and the row is taken up again.
            log.error("channel %s: the outcome of a delivery could not be noted: %s", self._channel, error)
        self.bell.set()

    def _renew(self) -> None:
        now = time.monotonic()
        kept = [number for number, began in self._sending.values() if now - began < _LONGEST]
        if kept and now - self._renewed >= self._outbox.lease / 5:
            self._outbox.renew(kept)
            self._renewed = now


def _code(connection: Connection, row: Row[Any]) -> str | None:
    c = schema.contact.c
    return connection.scalar(select(c.code).where(c.user == row.recipient, c.channel == row.channel))
