"""A sign of life to a dead-man's switch outside: it alarms when the sign stays away.

Sent only while everything that stands between a meter and an officer works: a server that runs and tells nobody must
not look well.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from stillcold_core.files import BadFile
from stillcold_server.alerts.lifecycle import WAITING
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.outbound import Outbound
from stillcold_server.config import Watchdog as Settings
from stillcold_server.followers import position
from stillcold_server.silence.listening import EVERY, listening_since
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import read
from stillcold_server.store.schema import alert, batch, delivery, escalation

log = logging.getLogger(__name__)
BEHIND_MS = 120_000
"""Detection, a delivery or a call that is due, is stuck when it is so far behind; an alert has reached nobody then."""
_TRIES = 5
"""After which a channel that has not taken a message is counted as failing: some 20 s."""
_ANYWHERE = ("0.0.0.0/0", "::/0")
"""The switch may stand in the office: whoever writes the file of its URL runs this machine."""
_FIRST = 3 * EVERY  # s after which a server that has just started listens


class Watchdog:
    """Calls a URL again and again while all is well.

    Parameters
    ----------
    engine : Engine
        The database.
    settings : Watchdog
        Where to call, and how often.
    url : str
        What to call; it is a secret, whoever has it can keep the switch quiet.
    alive : callable
        Whether the threads that detect and deliver run.
    channels : sequence of str
        Channels that are configured; what waits for another one is not stuck but left over.
    """

    def __init__(
        self, engine: Engine, settings: Settings, url: str, *, alive: Callable[[], bool], channels: Sequence[str]
    ) -> None:
        self._engine, self._every, self._url = engine, settings.seconds, url
        self._alive, self._channels = alive, channels
        self._outbound = Outbound(_ANYWHERE)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; the switch will alarm unless the server comes back in time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def beat(self, now: int) -> bool:
        """Call the switch if all is well (``now`` in ms); whether it has taken it."""
        try:
            why = "" if self._alive() else "a thread has ended"
            if not why:
                with read(self._engine) as connection:
                    why = trouble(connection, self._channels, now)
            if why:
                log.error("no sign of life to the dead-man's switch: %s", why)
                return False
            answer = self._outbound.post(self._url, b"", {})
        except (SQLAlchemyError, NotDelivered) as error:
            # The switch alarms by itself. The URL stays out of the log.
            log.warning("the dead-man's switch was not reached: %s", type(error.__cause__ or error).__name__)
            return False
        if not answer.fine:
            log.warning("the dead-man's switch answered HTTP %s", answer.status)
        return answer.fine

    def _run(self) -> None:
        wait = min(_FIRST, self._every)
        while not self._stopping.wait(wait):
            self.beat(wall_clock())
            wait = self._every


def read_url(path: str) -> str:
    """The URL of the switch.

    Raises
    ------
    BadFile
    """
    try:
        url = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, f"cannot be read ({error}); [watchdog] needs it") from error
    try:
        Outbound(_ANYWHERE).check(url)
    except ValueError as error:
        raise BadFile(path, str(error)) from None  # the URL is a secret, and not repeated
    return url


def trouble(connection: Connection, channels: Sequence[str], now: int) -> str:
    """What keeps an alert from an officer; empty where nothing does. ``now`` in ms."""
    waits = select(func.min(batch.c.received_at)).where(batch.c.id > position(connection, "detection"))
    due = select(func.min(delivery.c.due_at)).where(delivery.c.state == "waiting", delivery.c.channel.in_(channels))
    e = escalation.c
    shown = select(func.min(e.due_at)).join(alert, alert.c.id == e.alert)
    calls = shown.where(e.state == "running", alert.c.stage == "")
    if listening_since(connection, now) is None:
        return "nobody listens to the gateways"
    for what, query in (("detection", waits), ("the outbox", due), ("the next call", calls)):
        oldest = connection.scalar(query)
        if oldest is not None and now - oldest > BEHIND_MS:
            return f"{what} is {(now - oldest) // 1000} s behind"
    lost = connection.scalar(_reached_nobody(now))
    return f"alert {lost} has reached nobody" if lost else ""


def _reached_nobody(now: int) -> Select[Any]:
    """An alert that was told a while ago, that nobody has acknowledged, and that no channel has taken."""
    a, d = alert.c, delivery.c
    told = select(a.id).where(a.state.in_(WAITING), a.stage == "", a.paged_at < now - BEHIND_MS)
    since = (d.alert == a.id) & (d.created_at >= a.paged_at)
    taken = select(d.id).where(since, d.state == "delivered").exists()
    refused = select(d.id).where(since, or_(d.state == "failed", d.attempts >= _TRIES)).exists()
    return told.where(refused, ~taken).limit(1)
