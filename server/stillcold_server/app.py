"""The server's composition root: what is made of what, what starts before what, and the end of it all in reverse."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import uvicorn
from sqlalchemy import Connection

from stillcold_core.contract.messages import Status
from stillcold_core.detect.findings import Finding
from stillcold_server.alerts.delivery import Outbox
from stillcold_server.alerts.pipeline import take
from stillcold_server.alerts.senders import make_sender, push_keys
from stillcold_server.api.app import WebServer, create_app
from stillcold_server.config import Config
from stillcold_server.detection.ahead import Ahead
from stillcold_server.detection.compiled import Compiling
from stillcold_server.detection.live import Detection
from stillcold_server.duty.escalation import failed, page_by
from stillcold_server.duty.reach import channels_of
from stillcold_server.duty.watchdog import Watchdog, read_url
from stillcold_server.evidence.log import extend
from stillcold_server.followers import Follower
from stillcold_server.identity.upkeep import Upkeep
from stillcold_server.ingest.replays import Replays
from stillcold_server.ingest.status import note_status
from stillcold_server.ingest.subscriber import Subscriber
from stillcold_server.ingest.writer import Writer
from stillcold_server.jobs.model import JobContext
from stillcold_server.jobs.runner import Runner
from stillcold_server.language.texts import load_texts
from stillcold_server.live import Hub
from stillcold_server.metrics import Metrics
from stillcold_server.people.accounts import ensure_first_admin
from stillcold_server.silence.listening import Listening
from stillcold_server.store import rollups
from stillcold_server.store.clock import wall_clock
from stillcold_server.store.database import open_database, write
from stillcold_server.store.lease import Lease, new_owner
from stillcold_server.store.migrate import prepare

log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, cleanly."""


class Server:
    """Everything that runs beside the web server.

    Parameters
    ----------
    config : Config
        A checked configuration.

    Raises
    ------
    BadFile
        When a file that the configuration names cannot be used; nothing has been opened then but the database.
    NotMigrated
        When the database is of another version.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.hub = Hub()
        # Whether a thread has said something since it told consoles and channels: each tells what it has committed.
        self._news = threading.local()
        senders = {channel.id: make_sender(channel) for channel in config.channel}
        self.engine = open_database(config.database)
        prepare(self.engine)
        texts = load_texts()[config.language]
        self.channels = channels_of({name: s.addressed for name, s in senders.items()}, push_keys(senders))
        self._page = page_by(self.channels)
        self.outbox = Outbox(
            self.engine,
            senders,
            self.metrics,
            texts=texts,
            public_url=config.http.public_url,
            on_failed=lambda connection, row, now: failed(connection, row, self.channels, now),
        )
        self.watchdog = self._make_watchdog()
        self.compiling = Compiling(Path(config.cache_dir) if config.cache_dir else None)
        self._owner = new_owner()
        self.followers = self._make_followers()
        self._ahead = Ahead(self._found)
        self.subscriber = Subscriber(
            config.mqtt,
            Writer(self.engine, self.metrics, on_clone=self._found),
            on_stored=self._stored,
            on_status=self._status,
            on_ahead=self._judge_ahead,
            metrics=self.metrics,
        )
        self.listening = Listening(self.engine, config.mqtt.client_id, lambda: self.subscriber.connected, wall_clock)
        self.upkeep = Upkeep(self.engine, config.ca) if config.ca else None
        self.jobs = Runner(JobContext(self.engine, config, wall_clock, self._told, self.channels), self.metrics)
        self.replays = Replays(self.engine, self.subscriber.ask, wall_clock, self._lease("replays"))

    def first_password(self) -> str | None:
        """One-time password of the first security administrator, when there is no user yet."""
        with write(self.engine) as connection:
            return ensure_first_admin(connection)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Sinks start before sources and stop after them."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.engine.dispose)
            stack.callback(self.compiling.stop)
            with write(self.engine) as connection:
                extend(connection)  # batches that a version without the log has stored
            kept = [self.upkeep] if self.upkeep else []
            parts: list[Part] = [
                *kept,
                self.outbox,
                *self.followers,
                self.listening,
                self.jobs,
                self.subscriber,
                self.replays,
                *([self.watchdog] if self.watchdog else []),
            ]
            for part in parts:
                part.start()
                stack.callback(part.stop)
            yield

    def _lease(self, name: str) -> Lease:
        """For what one of several servers on one database does."""
        return Lease(name, self._owner)

    def _make_followers(self) -> list[Follower]:
        return [
            Detection(self.engine, self._found, before=self.compiling.take).follower(
                after=self._judged, lease=self._lease("detection"), watched=self._told
            ),
            Follower("rollup", self.engine, handle=rollups.handle, lease=self._lease("rollup")),
            *self._mirrors(),
        ]

    def _make_watchdog(self) -> Watchdog | None:
        settings = self.config.watchdog
        if settings is None:
            return None
        url = read_url(settings.url_file)
        return Watchdog(self.engine, settings, url, alive=self._alive, channels=self.outbox.channels)

    def _alive(self) -> bool:
        return self.outbox.alive and self.jobs.alive and all(follower.alive for follower in self.followers)

    def _mirrors(self) -> list[Follower]:
        if self.config.influx is None:
            return []
        from stillcold_server.mirror import make_mirror  # noqa: PLC0415  # its library takes a second to load

        return [make_mirror(self.engine, self.config.influx, self._lease("mirror"))]

    def _found(self, connection: Connection, finding: Finding) -> None:
        """A finding becomes an alert and its deliveries in the transaction that moves detection's cursor."""
        now = wall_clock()
        if take(connection, finding, now, self._page):
            self.metrics.alert(finding.kind, now / 1000 - finding.detected)
        self._news.said = True

    def _judge_ahead(self, gateway: str, message: bytes) -> None:
        with write(self.engine) as connection:
            self._ahead.take(connection, gateway, message, wall_clock())
        self._judged()

    def _judged(self) -> None:
        if getattr(self._news, "said", False):
            self._news.said = False
            self.outbox.ring()
            self.hub.publish("alerts")
        self.hub.publish("lines")

    def _told(self) -> None:
        """A job, or another server, has said something."""
        self.outbox.ring()
        self.hub.publish("alerts")
        self.hub.publish("lines")

    def _stored(self) -> None:
        for follower in self.followers:
            follower.ring()
        if getattr(self._news, "said", False):  # a clone; where nothing but its fork came, detection has nothing to do
            self._judged()

    def _status(self, gateway: str, status: Status) -> None:
        with write(self.engine) as connection:
            note_status(connection, gateway, status, wall_clock(), self.config.silence.heartbeat)
        self.hub.publish("lines")


def serve(config: Config, announce: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM.

    Parameters
    ----------
    config : Config
        A checked configuration.
    announce : callable
        Shows the first administrator's one-time password to whoever started the server; it is kept nowhere.

    Raises
    ------
    BadFile, NotMigrated
        Before anything has started.
    """
    logging.basicConfig(level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    server = Server(config)
    password = server.first_password()
    if password is not None:
        announce(f"First start: log in as admin, the security administrator, with the one-time password {password}")
    app = create_app(server.engine, config, server.hub, server.metrics, channels=server.channels)
    web = WebServer(
        uvicorn.Config(
            app,
            host=config.http.host,
            port=config.http.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        ),
        server.hub,
    )
    with server.running():
        # The web server ends on these signals and then raises them again: the parts behind it must still stop.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: log.info("stopping"))
        web.run()
