"""The outbox: every delivery is a row before it is tried, and one thread owns all retries."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Row, select, update

from stillcold_server.alerts.message import Message, message_of
from stillcold_server.alerts.senders import NotDelivered, Sender
from stillcold_server.language.texts import Texts
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import read, write

log = logging.getLogger(__name__)
_BACK_OFF = (2, 5, 15, 60, 300, 900, 1800, 3600)
"""s between tries; after the last one the delivery has failed."""
_IDLE = 1.0


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
    """

    def __init__(
        self, engine: Engine, senders: Mapping[str, Sender], metrics: Metrics, *, texts: Texts, public_url: str = ""
    ) -> None:
        self._engine, self._senders, self._metrics = engine, senders, metrics
        self._texts, self._public_url = texts, public_url
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(c,), name=f"deliver-{c}", daemon=True) for c in senders
        ]

    @property
    def channels(self) -> Sequence[str]:
        """Ids of the channels that every alert goes to."""
        return tuple(self._senders)

    def start(self) -> None:
        """Begin: one thread a channel, so that one that hangs blocks no other."""
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """Say that there is something new."""
        self._bell.set()

    def stop(self) -> None:
        """End after the deliveries in hand; the rest waits in the outbox."""
        self._stopping.set()
        self._bell.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def deliver_due(self, channel: str, now: int) -> int:
        """Try what is due on a channel; how many were tried."""
        d = schema.delivery
        due = (d.c.channel == channel) & (d.c.state == "waiting") & (d.c.due_at <= now)
        with read(self._engine) as connection:
            rows = connection.execute(select(d).where(due).order_by(d.c.id).limit(50)).all()
        for row in rows:
            self._try(row)
            if self._stopping.is_set():
                break
        return len(rows)

    def _run(self, channel: str) -> None:
        while not self._stopping.is_set():
            try:
                tried = self.deliver_due(channel, _now())
            except Exception:
                log.exception("channel %s: the outbox cannot be read, trying again", channel)
                tried = 0
            if not tried:
                self._bell.wait(_IDLE)
                self._bell.clear()

    def _try(self, row: Row[Any]) -> None:
        try:
            said = self._senders[row.channel].send(self._message(row.alert))
        except NotDelivered as error:
            self._failed(row, str(error))
        except Exception as error:
            # Whatever a channel's library raises, the delivery stays due: nobody has been told.
            log.exception("channel %s: the sender failed", row.channel)
            self._failed(row, f"{type(error).__name__}: {error}")
        else:
            self._note(row, "delivered", detail=said, delivered_at=_now())
            self._metrics.delivery(row.channel, "delivered")

    def _failed(self, row: Row[Any], detail: str) -> None:
        last = row.attempts >= len(_BACK_OFF)
        log.error("channel %s did not take alert %s: %s", row.channel, row.alert, detail)
        due = _now() + (0 if last else _BACK_OFF[row.attempts] * 1000)
        self._note(row, "failed" if last else "waiting", detail=detail, due_at=due)
        self._metrics.delivery(row.channel, "failed" if last else "retried")

    def _note(self, row: Row[Any], state: str, **values: Any) -> None:
        d = schema.delivery
        with write(self._engine) as connection:
            values |= {"state": state, "attempts": row.attempts + 1}
            connection.execute(update(d).where(d.c.id == row.id).values(values))

    def _message(self, alert: str) -> Message:
        with read(self._engine) as connection:
            return message_of(connection, alert, self._texts, self._public_url)


def _now() -> int:
    return time.time_ns() // 1_000_000
