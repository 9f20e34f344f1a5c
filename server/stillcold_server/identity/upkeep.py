"""What must be made anew before it ends: the list of the revoked, and the certificates of broker and server."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy import Engine

from stillcold_core.files import BadFile
from stillcold_server.config import Ca
from stillcold_server.identity.authority import CLIENT, ROOT_FILE, Authority, make_authority
from stillcold_server.identity.broker import BrokerFiles, issue_pair, renew_pair
from stillcold_server.store.database import write

log = logging.getLogger(__name__)
SERVER_NAME = "stillcold-server"
"""Common name of the server's own certificate, in the broker's access list."""
SERVER_FILES = "server"
"""Its files, without their endings."""
_EVERY = 600.0  # s
_WARNED = timedelta(days=365)  # before the issuing authority's end: its renewal needs somebody with the root's key


def make_all(engine: Engine, ca: Ca, root_key: Path, hosts: Sequence[str], now: datetime) -> BrokerFiles:
    """Make the authority, the broker's files and the server's certificate.

    Parameters
    ----------
    root_key : Path
        Where the root's key is written to.
    hosts : sequence of str
        Names or addresses by which clients know the broker.

    Raises
    ------
    BadFile
        When there is an authority already, or a file cannot be written.
    """
    folder = Path(ca.folder)
    for place, whose in ((Path(ca.broker_folder), "the server's own"), (root_key.parent, "one on a removable medium")):
        if not os.access(place, os.W_OK | os.X_OK):  # before anything is made
            raise BadFile(place, f"cannot be written to; expected a folder that is there, {whose}")
    files = BrokerFiles(make_authority(folder, root_key, now), Path(ca.broker_folder))
    names = x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)])
    issue_pair(files.authority, folder / SERVER_FILES, SERVER_NAME, names, CLIENT, now)
    with write(engine) as connection:
        files.make(connection, hosts, now)
    return files


def open_authority(ca: Ca) -> BrokerFiles:
    """The authority and the broker's folder that a configuration names.

    Raises
    ------
    BadFile
        When ``ca init`` has not made them, or a file cannot be used.
    """
    folder = Path(ca.folder)
    if not (folder / ROOT_FILE).exists():
        raise BadFile(folder, "holds no certificate authority; `stillcold-server ca init` makes one")
    return BrokerFiles(Authority(folder), Path(ca.broker_folder))


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

    Raises
    ------
    BadFile
        When there is no authority, or it cannot be used.
    """

    def __init__(self, engine: Engine, ca: Ca, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        open_authority(ca)
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
            self._warn(files.authority, now)  # as often as that: once a week
        if files.renew(now):
            log.info("the broker's certificate was renewed")
        if renew_pair(files.authority, Path(self._ca.folder) / SERVER_FILES, SERVER_NAME, CLIENT, now):
            log.info("the server's certificate was renewed")

    def _warn(self, authority: Authority, now: datetime) -> None:
        ends = authority.issuing.not_valid_after_utc
        if ends - now < _WARNED:
            log.warning("the issuing authority ends on %s, and everything with it: use `ca renew`", ends.date())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except BadFile as error:
                log.error("certificates and the list of the revoked cannot be kept up: %s", error)
            except Exception:
                log.exception("certificates and the list of the revoked cannot be kept up")
            self._stopping.wait(_EVERY)
