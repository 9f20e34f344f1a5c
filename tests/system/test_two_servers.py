"""Two servers on one PostgreSQL and one broker; the one that detects is killed in the middle of a restart."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import tomli_w
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, func, select

from stillcold_core.contract.topics import batch_topic
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_server.followers import position
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from stillcold_sim.demo.processes import program
from support import Mosquitto, Process, free_port, wait_for
from support.gateway import SignedGateway
from support.ports import accepts
from support.story import restart_story


@pytest.fixture
def dialect() -> str:
    """What two servers share."""
    return "postgresql"


@pytest.fixture
def gateway(engine: Engine) -> SignedGateway:
    """A gateway with a sealed line, which the database knows."""
    made, sealed = SignedGateway(), datetime(2026, 1, 1, tzinfo=UTC)
    line = Line("f1", "s1", "f1", "sealed", 750e3, sealed_at=sealed, measures=("power_cut",))
    known = Registry(
        site=(Site("s1", "s1", "x", 125.3, 43.9),),
        line=(line,),
        gateway=(Gateway("gw-1", made.public_key, "s1"),),
        point=(Point("p1", "f1", "feeder", "gw-1"),),
    )
    with write(engine) as connection:
        import_registry(connection, known)
    return made


@pytest.fixture
def servers(engine: Engine, mosquitto: Mosquitto, tmp_path: Path) -> Iterator[list[Process]]:
    """Both, running."""
    with ExitStack() as stack:
        started, ports = [], []
        for name in ("one", "two"):
            port, folder = free_port(), tmp_path / name
            folder.mkdir()
            config = {
                "database": engine.url.render_as_string(hide_password=False),
                "mqtt": {"port": mosquitto.port, "client_id": f"stillcold-server-{name}"}, "http": {"port": port},
            }  # fmt: skip
            (folder / "server.toml").write_text(tomli_w.dumps(config))
            command = [str(program("stillcold-server")), "run", "-c", str(folder / "server.toml")]
            server = stack.enter_context(Process(command, folder / "log"))
            started.append(server)
            ports.append(port)
        wait_for(lambda: all(map(accepts, ports)), seconds=240, what="both servers")
        yield started


@pytest.mark.slow
@pytest.mark.requirement("store.shared.taken-over")
def test_a_server_that_is_killed_is_replaced_and_nothing_is_lost_or_doubled(
    engine: Engine, gateway: SignedGateway, servers: list[Process], mosquitto: Mosquitto
) -> None:
    story = restart_story(start=time.time() // 1 - 300)
    envelopes = [gateway.batch(story[i : i + 10]) for i in range(0, len(story), 10)]
    publisher = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    publisher.connect("127.0.0.1", mosquitto.port)
    publisher.loop_start()
    half = 8  # in the middle of the run
    for envelope in envelopes[:half]:
        publisher.publish(batch_topic("gw-1"), envelope, 1)
    wait_for(lambda: judged(engine) == half, what="detection")
    leader = next(s for s in servers if f"/{s.pid}/" in owner(engine))
    leader.kill()
    for envelope in envelopes[half:]:
        publisher.publish(batch_topic("gw-1"), envelope, 1)
    wait_for(lambda: judged(engine) == len(envelopes), what="the other one's detection")
    publisher.disconnect()
    publisher.loop_stop()
    (other,) = (s for s in servers if s is not leader)
    assert f"/{other.pid}/" in owner(engine)
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(schema.log_entry)) == len(envelopes)
        kinds = connection.scalars(select(schema.alert.c.kind).order_by(schema.alert.c.kind)).all()
    assert kinds == ["restart.current", "restart.power", "restart.voltage"]
    assert other.stop() == 0, other.output


def judged(engine: Engine) -> int:
    """How many batches detection has done, where it has done all that are stored."""
    with read(engine) as connection:
        done = schema.batch.c.id <= position(connection, "detection")
        return connection.scalar(select(func.count()).select_from(schema.batch).where(done)) or 0


def owner(engine: Engine) -> str:
    """Who detects."""
    with read(engine) as connection:
        return connection.scalar(select(schema.lease.c.owner).where(schema.lease.c.name == "detection")) or ""
