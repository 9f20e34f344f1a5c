"""A restart that a gateway tells ahead of its backlog, and what becomes of it when the backlog has come."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Sample, Value
from stillcold_core.registry import Registry
from stillcold_server.alerts.lifecycle import record
from stillcold_server.detection.ahead import Ahead
from stillcold_server.detection.live import Detection
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.gateway import DEAD, EXPONENTS, LIVE, SignedGateway, steady

NOW = 1_800_000_600_000
START = 1_800_000_000.0
RUN = START + 400


class Server:
    """Judges ahead and in order, and keeps what it says."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ahead = Ahead(self._found)

    def _found(self, connection: Connection, finding: Finding) -> None:
        record(connection, finding, NOW)

    def take_ahead(self, *envelopes: bytes, gateway: str = "gw-1") -> None:
        for envelope in envelopes:
            with write(self.engine) as connection:
                self.ahead.take(connection, gateway, envelope, NOW)

    def take_in_order(self, *envelopes: bytes) -> None:
        Writer(self.engine, Metrics()).take([("gw-1", e) for e in envelopes], NOW)
        follower = Detection(self.engine, self._found).follower()
        follower.catch_up()
        follower.stop()

    def alerts(self) -> dict[str, float | None]:
        """When each ended, by kind and when it began."""
        with read(self.engine) as connection:
            rows = connection.execute(select(schema.alert)).all()
        return {f"{r.kind}@{r.began / 1000 - START:.0f}": r.ended and r.ended / 1000 - START for r in rows}

    def rows(self, table: object) -> int:
        with read(self.engine) as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


@pytest.fixture
def server(engine: Engine, plant: Registry) -> Server:
    return Server(engine)


def batches(gateway: SignedGateway, samples: Sequence[Sample], size: int = 20) -> list[bytes]:
    return [gateway.batch(samples[i : i + size]) for i in range(0, len(samples), size)]


def run(count: int = 8) -> list[Sample]:
    """The end of a dead line, and a furnace from :data:`RUN` on."""
    return [*steady(DEAD, start=RUN - 5, count=5), *steady(LIVE, start=RUN, count=count)]


FOUND = {"restart.power@400": None, "restart.current@400": None, "restart.voltage@400": None}


@pytest.mark.requirement("detection.ahead")
def test_a_restart_is_told_before_the_backlog_and_once(server: Server, gateway: SignedGateway) -> None:
    """It has the same id when it is found in its place; nothing was stored before."""
    server.take_in_order(*batches(gateway, steady(DEAD, start=START, count=100)))
    backlog = batches(gateway, steady(DEAD, start=START + 100, count=290))
    live = batches(gateway, run(), size=6)
    server.take_ahead(*live, *live)
    assert server.alerts() == FOUND
    assert (server.rows(schema.batch), server.rows(schema.ahead)) == (5, 3)
    server.take_in_order(*backlog)
    assert server.rows(schema.ahead) == 3
    server.take_in_order(*live)
    assert server.alerts() == FOUND
    assert server.rows(schema.ahead) == 0
    server.take_in_order(*batches(gateway, steady(DEAD, start=RUN + 8, count=120)))
    assert {kind: ended for kind, ended in server.alerts().items() if kind in FOUND} == dict.fromkeys(FOUND, 408.0)


@pytest.mark.requirement("detection.ahead")
def test_what_had_begun_earlier_ends_for_the_one_that_says_so(server: Server, gateway: SignedGateway) -> None:
    """The restart began in the backlog: the alert that did not know it ends, the one that does goes on."""
    server.take_in_order(*batches(gateway, steady(DEAD, start=START, count=100)))
    backlog = batches(
        gateway, [*steady(DEAD, start=START + 100, count=100), *steady(LIVE, start=START + 200, count=195)]
    )
    live = batches(gateway, steady(LIVE, start=RUN - 5, count=13))
    server.take_ahead(*live)
    assert server.alerts().keys() >= {"restart.power@395"}
    server.take_in_order(*backlog, *live)
    found = server.alerts()
    assert (found["restart.power@200"], found["restart.power@395"]) == (None, 400.0)
    assert server.rows(schema.ahead) == 0


@pytest.mark.requirement("detection.ahead")
def test_what_is_wrong_or_known_is_not_judged_ahead(server: Server, gateway: SignedGateway) -> None:
    """Another's signature, a stranger, garbage, another's point, and what is stored already."""
    stranger = SignedGateway()
    server.take_ahead(*batches(stranger, run()), b"garbage")
    server.take_ahead(*batches(SignedGateway("gw-9"), run()), gateway="gw-9")
    with read(server.engine) as connection:
        refused = {(r.reason, r.gateway) for r in connection.execute(select(schema.refusal))}
    assert refused == {("signature", "gw-1"), ("not_cose", "gw-1"), ("unknown_key", "?")}
    server.take_ahead(gateway.batch([*steady(LIVE, start=RUN, count=30, point="p9")]))
    stored = batches(gateway, run(1))
    Writer(server.engine, Metrics()).take([("gw-1", e) for e in stored], NOW)
    server.take_ahead(*stored)
    assert server.alerts() == {}


@pytest.mark.requirement("detection.ahead")
def test_what_the_backlog_shows_is_not_told_ahead(server: Server, gateway: SignedGateway) -> None:
    """Energy that was used while nothing came is found in its order, with the time at which it was used."""
    server.take_in_order(*batches(gateway, steady(DEAD, start=START, count=100)))
    used = {**DEAD, "active_energy_import": 5_019_660_000.0}
    server.take_ahead(gateway.batch(steady(used, start=RUN, count=30)))
    assert server.alerts() == {}


@pytest.mark.requirement("detection.ahead")
def test_a_restart_that_stands_is_not_told_again(server: Server, gateway: SignedGateway) -> None:
    """A server that was killed has alerts that are newer than the states it goes on from."""
    server.take_in_order(*batches(gateway, steady(DEAD, start=START, count=100)))
    Writer(server.engine, Metrics()).take([("gw-1", e) for e in batches(gateway, run(30))], NOW)
    Detection(server.engine, server._found).follower().catch_up()  # and is killed before it writes its states
    told = server.alerts()
    assert told.keys() >= {"restart.power@400"}
    server.take_ahead(gateway.batch(steady(LIVE, start=RUN + 60, count=30)))
    assert server.alerts() == told


SHUT: dict[str, Value] = {**DEAD, "seal_closed": 1.0, "door_closed": 1.0}


def sealed_gateway(engine: Engine) -> SignedGateway:
    """The gateway, with contacts of seal and door."""
    gateway = SignedGateway(exponents=EXPONENTS | {"seal_closed": 0, "door_closed": 0})
    with write(engine) as connection:
        connection.execute(update(schema.gateway).values(public_key=gateway.public_key))
    return gateway


@pytest.mark.requirement("detection.ahead")
def test_a_furnace_that_runs_behind_an_opened_seal_is_told_ahead(server: Server, engine: Engine) -> None:
    """The seal's alert that stands keeps nothing else back."""
    gateway, opened = sealed_gateway(engine), SHUT | {"seal_closed": 0.0}
    shut = steady(SHUT, start=START, count=100)
    server.take_in_order(*batches(gateway, [*shut, *steady(opened, start=START + 100, count=20)]))
    assert server.alerts() == {"restart.seal@100": None}
    batches(gateway, steady(opened, start=START + 120, count=280))  # the backlog
    server.take_ahead(gateway.batch(steady(LIVE | {"seal_closed": 0.0, "door_closed": 1.0}, start=RUN, count=20)))
    assert server.alerts().keys() >= {"restart.seal@100", "restart.power@400"}


@pytest.mark.requirement("detection.ahead")
def test_a_seal_and_a_door_opened_in_one_batch_are_told_ahead(server: Server, engine: Engine) -> None:
    """The finding is said twice there, by the one and by the other: it is one alert, and is settled as one."""
    gateway = sealed_gateway(engine)
    server.take_in_order(*batches(gateway, steady(SHUT, start=START, count=100)))
    backlog = batches(gateway, steady(SHUT, start=START + 100, count=300))
    opened = gateway.batch(
        [
            *steady(SHUT | {"seal_closed": 0.0}, start=RUN, count=10),
            *steady(SHUT | {"seal_closed": 0.0, "door_closed": 0.0}, start=RUN + 10, count=20),
        ]
    )
    server.take_ahead(opened)
    assert server.alerts() == {"restart.seal@400": None}
    assert server.rows(schema.ahead) == 1
    server.take_in_order(*backlog, opened)
    assert server.alerts() == {"restart.seal@400": None}
    assert server.rows(schema.ahead) == 0
