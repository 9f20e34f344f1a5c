"""A gateway with a backlog, a broker and a server: what decides a restart does not wait; what was lost comes again."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from stillcold_agent.batcher import Importance
from stillcold_agent.config import Mqtt
from stillcold_agent.counts import Counts
from stillcold_agent.journal.entries import Bounds, Link
from stillcold_agent.journal.store import Journal
from stillcold_agent.uplink.uplink import Uplink
from stillcold_core.contract.batch import Batch, block_of, encode_batch
from stillcold_core.readings import Sample
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_server.app import Server
from stillcold_server.config import Config as ServerConfig
from stillcold_server.config import Mqtt as ServerMqtt
from stillcold_server.ingest.replays import request_replay
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support import Mosquitto, wait_for
from support.gateway import DEAD, EXPONENTS, LIVE, SignedGateway, steady
from support.journals import entry

START = time.time() // 60 * 60 - 3600
BACKLOG = 60


class Line1:
    """The agent's journal and uplink, drained slowly, and what is read."""

    def __init__(self, folder: Path, port: int) -> None:
        self.gateway, self.counts = SignedGateway(), Counts()
        self.journal = Journal(folder / "journal.db", Bounds(10**9), self.counts)
        mqtt = Mqtt(port=port, drain_rate=2.0)
        self.uplink = Uplink(mqtt, "gw-1", self.journal, on_failure=lambda _: None, counts=self.counts)

    def add(self, samples: Sequence[Sample], importance: Importance = Importance.QUIET) -> None:
        """Journal a batch."""

        def make(link: Link) -> bytes:
            blocks = [block_of(samples, "test-meter", EXPONENTS)]
            profiles = {"test-meter": "0" * 16}
            batch = Batch(
                "gw-1", link.epoch, link.sequence, link.previous, bytes(16), True, profiles, blocks, link.gaps
            )
            return self.gateway.seal(encode_batch(batch))

        self.uplink.offer(self.journal.append([entry(make, importance)]))


@pytest.fixture
def line(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Line1]:
    line = Line1(tmp_path, mosquitto.port)
    for i in range(BACKLOG):
        line.add(steady(DEAD, start=START + 10 * i))
    yield line
    line.uplink.stop(0.0)
    line.journal.close()


@pytest.fixture
def server(tmp_path: Path, mosquitto: Mosquitto, line: Line1) -> Iterator[Server]:
    config = ServerConfig(database=f"sqlite:///{tmp_path / 'server.db'}", mqtt=ServerMqtt(port=mosquitto.port))
    server = Server(config)
    registry = Registry(
        site=(Site("s", "S"),),
        line=(Line("f1", "s", "furnace", "sealed", 750e3, measures=("power_cut", "sealed")),),
        gateway=(Gateway("gw-1", line.gateway.public_key, "s"),),
        point=(Point("p1", "f1", "feeder", "gw-1"),),
    )
    with write(server.engine) as connection:
        import_registry(connection, registry)
    with server.running():
        wait_for(lambda: server.subscriber.connected, what="the subscriptions")
        yield server


def alerts(server: Server) -> set[str]:
    with read(server.engine) as connection:
        return set(connection.scalars(select(schema.alert.c.kind)))


@pytest.mark.requirement("agent.uplink.ahead")
def test_a_restart_is_an_alert_while_the_backlog_still_drains(line: Line1, server: Server) -> None:
    """By the copies of its batches, judged by the server's own rule."""
    line.uplink.start()
    wait_for(lambda: line.journal.count_pending() < BACKLOG - 3, what="a drain that has begun")
    end = START + 10 * BACKLOG
    for i in range(8):
        line.add(steady(LIVE, start=end + i, count=1), Importance.DECIDING)
    wait_for(lambda: "restart.power" in alerts(server), what="the alert")
    assert line.journal.count_pending() > 8


@pytest.mark.requirement("ingest.replay")
def test_what_the_server_asks_for_comes_again(line: Line1, server: Server) -> None:
    """By command, through the broker, from the journal, and is acknowledged anew."""
    line.uplink.start()
    wait_for(lambda: line.journal.count_pending() < BACKLOG - 5, what="a drain that has begun")
    with write(server.engine) as connection:
        request_replay(connection, "gw-1", (line.journal.epoch, 1, 3), 0)
    wait_for(lambda: line.counts.totals().get("replayed") == 3, what="the request")
