"""What must be made anew before it ends: the list of the revoked, and the certificates of broker and server."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from stillcold_core.files import BadFile
from stillcold_server.config import Ca
from stillcold_server.identity.authority import CLIENT, Authority
from stillcold_server.identity.broker import BrokerFiles, renew_pair
from stillcold_server.store.database import write

log = logging.getLogger(__name__)
SERVER_NAME = "stillcold-server"
"""Common name of the server's own certificate, in the broker's access list."""
_EVERY = 600.0  # s


def open_authority(ca: Ca) -> BrokerFiles:
    """The authority and the broker's folder that a configuration names.

    Raises
    ------
    BadFile
        When ``ca init`` has not made them, or a file cannot be used.
    """
    return BrokerFiles(Authority(Path(ca.folder)), Path(ca.broker_folder))


class Upkeep:
    """Looks every ten minutes, and as soon as it starts.

    Parameters
    ----------
    engine : Engine
        Knows who is revoked.
    ca : Ca
        Its folders.
    now : callable, optional
        UTC.
    """

    def __init__(self, engine: Engine, ca: Ca, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine, self._ca, self._now = engine, ca, now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ca", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Make anew what is due.

        Raises
        ------
        BadFile
            When a file cannot be used; nothing is lost by trying again.
        """
        files, now = open_authority(self._ca), self._now()
        if files.crl_is_due(now):
            with write(self._engine) as connection:
                files.publish(connection, now, cut=False)
            log.info("the list of the revoked was made anew, good until %s", files.crl_ends().date())
        if files.renew(now):
            log.info("the broker's certificate was renewed")
        if renew_pair(files.authority, Path(self._ca.folder) / "server", SERVER_NAME, CLIENT, now):
            log.info("the server's certificate was renewed")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except BadFile as error:
                log.error("certificates and the list of the revoked cannot be kept up: %s", error)
            except Exception:
                log.exception("certificates and the list of the revoked cannot be kept up")
            self._stopping.wait(_EVERY)
