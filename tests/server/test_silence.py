"""Who has fallen silent: gateways, points, the grid; and when it is the server that hears nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime

import cbor2
import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from stillcold_core.contract.messages import Status
from stillcold_core.readings import Absence, Sample
from stillcold_core.registry import District, Gateway, Line, Point, Registry, Site
from stillcold_server.config import Config
from stillcold_server.followers import Follower
from stillcold_server.ingest.status import note_status
from stillcold_server.ingest.writer import Writer
from stillcold_server.jobs.each import SomeFailed
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.silence.check import look
from stillcold_server.silence.listening import EVERY, FRESH_MS, Listening, listening_since, note_listening
from stillcold_server.silence.outage import MEASURED_MS
from stillcold_server.silence.points import LEAST
from stillcold_server.store import rollups, schema
from stillcold_server.store.database import read, write
from support.gateway import DEAD, SignedGateway
from support.web import Web, get

T0 = 1_800_000_000_000
"""ms"""
BEAT = 60_000
TICK = 15_000


class Office:
    """A server's ears and its check, over gateways that are told when they were heard."""

    def __init__(self, engine: Engine, since: int = T0 - 3_600_000) -> None:
        self.engine, self.since = engine, since
        self.paged: list[str] = []
        self.unpaged = ""

    def heard(self, at: int, *gateways: str, status: str = "online") -> None:
        with write(self.engine) as connection:
            g = schema.gateway
            connection.execute(update(g).where(g.c.id.in_(gateways)).values(heard_at=at, status=status))

    def look(self, now: int, *, deaf: bool = False) -> str:
        if not deaf:
            with write(self.engine) as connection:
                note_listening(connection, "stillcold-server", self.since, now)
        return look(self.engine, now, self._page)

    def _page(self, _connection: Connection, alert: str, _now: int) -> None:
        if alert == self.unpaged:
            raise OSError("no page")
        self.paged.append(alert)

    def alerts(self) -> dict[str, tuple[str, str, int | None]]:
        """By line and kind: state, why it is hidden, end."""
        a = schema.alert.c
        with read(self.engine) as connection:
            rows = connection.execute(select(a.line, a.kind, a.state, a.held_why, a.ended).order_by(a.raised_at, a.id))
            return {f"{r.line} {r.kind}": (r.state, r.held_why, r.ended) for r in rows}


@pytest.fixture
def office(engine: Engine, plant: Registry) -> Office:
    office = Office(engine)
    office.heard(T0, "gw-1")
    return office


@pytest.mark.requirement("silence.gateway")
def test_a_gateway_without_a_word_is_told_within_three_intervals_and_once(office: Office) -> None:
    told = next(now for now in range(T0, T0 + 10 * BEAT, TICK) if "1 silences" in office.look(now))
    assert 2 * BEAT < told - T0 <= 3 * BEAT
    office.look(told)
    office.look(told + TICK)
    assert office.alerts() == {"f1 silence.gateway": ("unacknowledged", "", None)}  # at the sealed line
    assert office.paged == ["f1:p1:silence.gateway:20270115T080000.000Z"]


@pytest.mark.requirement("silence.gateway")
def test_one_that_is_said_to_be_offline_is_told_after_one_interval(office: Office) -> None:
    office.heard(T0, "gw-1", status="offline")
    office.look(T0 + BEAT)
    assert office.alerts() == {}
    office.look(T0 + BEAT + TICK)
    assert list(office.alerts()) == ["f1 silence.gateway"]


@pytest.mark.requirement("silence.unsigned")
@pytest.mark.parametrize(("said", "silent_after"), [(3600.0, 150_000), (10.0, 25_000)])
def test_what_a_status_says_only_shortens_the_time(office: Office, said: float, silent_after: int) -> None:
    """Nobody has signed it."""
    with write(office.engine) as connection:
        note_status(connection, "gw-1", Status("online", heartbeat=said), T0, Config().silence.heartbeat)
    office.look(T0 + silent_after)
    assert office.alerts() == {}
    office.look(T0 + silent_after + 1)
    assert list(office.alerts()) == ["f1 silence.gateway"]


@pytest.mark.requirement("silence.gateway")
def test_a_gateway_that_is_back_or_revoked_is_silent_no_more(office: Office) -> None:
    office.look(T0 + 3 * BEAT)
    office.heard(T0 + 4 * BEAT, "gw-1")
    office.look(T0 + 4 * BEAT + 1)
    assert office.alerts() == {"f1 silence.gateway": ("returned", "", T0 + 4 * BEAT)}
    office.look(T0 + 8 * BEAT)  # and again
    with write(office.engine) as connection:
        connection.execute(update(schema.gateway).values(public_key=""))
    office.look(T0 + 9 * BEAT)
    with read(office.engine) as connection:
        ends = connection.scalars(select(schema.alert.c.ended).order_by(schema.alert.c.began)).all()
    assert ends == [T0 + 4 * BEAT, T0 + 9 * BEAT]


@pytest.mark.requirement("silence.never-heard")
def test_a_gateway_that_was_never_heard_is_not_silent(office: Office) -> None:
    with write(office.engine) as connection:
        connection.execute(update(schema.gateway).values(heard_at=None))
    office.look(T0 + 100 * BEAT)
    assert office.alerts() == {}


@pytest.mark.requirement("silence.own-ears")
def test_a_server_that_was_down_or_had_lost_its_broker_accuses_nobody(office: Office) -> None:
    """Not while it hears nothing, and not before each gateway has had its time again."""
    assert "nobody listens" in office.look(T0 + 100 * BEAT, deaf=True)
    office.since = T0 + 100 * BEAT
    office.look(T0 + 102 * BEAT)
    assert office.alerts() == {}
    office.look(T0 + 103 * BEAT)
    assert list(office.alerts()) == ["f1 silence.gateway"]
    assert office.paged == ["f1:p1:silence.gateway:20270115T080000.000Z"]  # since it was heard last


@pytest.mark.requirement("silence.own-ears")
def test_of_two_servers_one_that_listens_is_enough(office: Office) -> None:
    with write(office.engine) as connection:
        note_listening(connection, "second", T0 + 100 * BEAT, T0 + 100 * BEAT)
    office.look(T0 + 100 * BEAT)
    assert list(office.alerts()) == ["f1 silence.gateway"]


@pytest.mark.requirement("silence.own-ears")
def test_a_server_notes_since_when_it_listens_and_health_says_so(web: Web) -> None:
    connected, clock = [True], [T0]
    ears = Listening(web.engine, "stillcold-server", lambda: connected[0], lambda: clock[0])
    ears.note()
    clock[0] += round(EVERY * 1000)
    ears.note()
    client = web.program("duty_officer")
    web.clock.now = clock[0]
    (listener,) = get(client, "/health")["listeners"]
    assert (listener["since"], listener["listens"]) == ("2027-01-15T08:00:00.000Z", True)
    connected[0] = False
    clock[0] += FRESH_MS
    ears.note()
    web.clock.now = clock[0]
    (listener,) = get(client, "/health")["listeners"]
    assert (listener["seen"], listener["listens"]) == ("2027-01-15T08:00:05.000Z", False)
    connected[0] = True
    ears.note()
    (listener,) = get(client, "/health")["listeners"]
    assert (listener["since"], listener["listens"]) == ("2027-01-15T08:00:25.000Z", True)


@pytest.mark.requirement("silence.own-ears")
@pytest.mark.parametrize("leap", [3_600_000, -3_600_000])
def test_a_server_that_was_frozen_or_whose_clock_was_set_listens_anew(office: Office, leap: int) -> None:
    """Nobody is silent for it at once, and whoever is silent from then on is told."""
    clock = [T0]
    ears = Listening(office.engine, "one", lambda: True, lambda: clock[0])
    ears.note()
    clock[0] += leap
    ears.note()
    with read(office.engine) as connection:
        since = listening_since(connection, clock[0])
    assert since == clock[0]
    office.since = since
    office.look(clock[0] + 2 * BEAT)
    assert office.alerts() == {}
    office.look(clock[0] + 3 * BEAT)
    assert list(office.alerts()) == ["f1 silence.gateway"]


@pytest.mark.requirement("silence.own-ears")
def test_a_server_that_is_started_anew_has_not_listened_meanwhile(office: Office) -> None:
    """However short the break: a gateway that speaks every five seconds would be silent for it."""
    with write(office.engine) as connection:
        note_listening(connection, "one", T0, T0)
        note_listening(connection, "two", T0 + 1, T0)
    ears = Listening(office.engine, "one", lambda: False, lambda: T0)
    ears.start()
    ears.stop()
    with read(office.engine) as connection:
        assert listening_since(connection, T0) == T0 + 1


def send(engine: Engine, gateway: SignedGateway, samples: Sequence[Sample], now: int) -> None:
    """As a gateway would."""
    Writer(engine, Metrics()).take([(gateway.name, gateway.batch(samples))], now)
    Follower("rollup", engine, handle=rollups.handle).catch_up()


def minutes(point: str, first: int, last: int, values: object = DEAD) -> list[Sample]:
    """A sample in each of some minutes after :data:`T0`."""
    return [Sample(point, T0 / 1000 + 60 * i, values) for i in range(first, last)]  # type: ignore[arg-type]


SILENT = dict.fromkeys(DEAD, Absence.TIMEOUT)


@pytest.mark.requirement("silence.point")
@pytest.mark.parametrize("absent", [True, False])
def test_a_point_that_tells_nothing_while_its_gateway_goes_on_is_silent(
    engine: Engine, plant: Registry, gateway: SignedGateway, absent: bool
) -> None:
    """Whether the gateway says that it cannot read the meter, or leaves the point out."""
    office = Office(engine)
    rest = minutes("p2", 3, 12, SILENT) if absent else []
    send(engine, gateway, [*minutes("p1", 0, 3), *minutes("p2", 0, 3)], T0 + 3 * BEAT)
    send(engine, gateway, [*minutes("p1", 3, 8), *rest[:5]], T0 + 8 * BEAT)
    office.look(T0 + 8 * BEAT)
    assert office.alerts() == {}
    send(engine, gateway, [*minutes("p1", 8, 12), *rest[5:]], T0 + 12 * BEAT)
    office.look(T0 + 12 * BEAT)
    office.look(T0 + 12 * BEAT)
    assert office.paged == ["mill:p2:silence.point:20270115T080200.000Z"]
    assert LEAST < 12 * 60 - 2 * 60
    send(engine, gateway, [*minutes("p1", 12, 14), *minutes("p2", 12, 14)], T0 + 14 * BEAT)
    office.look(T0 + 14 * BEAT)
    assert office.alerts() == {"mill silence.point": ("returned", "", T0 + 13 * BEAT)}


@pytest.mark.requirement("silence.point")
def test_a_backlog_makes_no_point_silent(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    """What comes now was read hours ago, of every point alike; one that never told a number is not silent either."""
    office = Office(engine)
    now = T0 + 300 * BEAT
    send(engine, gateway, [*minutes("p1", 0, 9), *minutes("p2", 0, 9, SILENT)], now)
    office.look(now)
    assert office.alerts() == {}


@pytest.fixture
def district(engine: Engine) -> Office:
    """Two districts: one of five sites, one of two; each site with a gateway, a sealed line and a permitted incomer."""
    places = [("north", f"n{i}") for i in range(5)] + [("south", f"s{i}") for i in range(2)]
    sealed = datetime(2026, 1, 1, tzinfo=UTC)
    registry = Registry(
        district=(District("north", "北区"), District("south", "南区")),
        site=tuple(Site(s, s, district=d) for d, s in places),
        line=tuple(
            line
            for _, s in places
            for line in (
                Line(f"{s}-f", s, "f", "sealed", 750e3, sealed_at=sealed),
                Line(f"{s}-in", s, "in", "permitted", 1e6),
            )
        ),
        gateway=tuple(Gateway(f"{s}-gw", SignedGateway().public_key, s) for _, s in places),
        point=tuple(
            point
            for _, s in places
            for point in (
                Point(f"{s}-p", f"{s}-f", "feeder", f"{s}-gw"),
                Point(f"{s}-q", f"{s}-in", "incomer", f"{s}-gw"),
            )
        ),
    )
    with write(engine) as connection:
        import_registry(connection, registry)
    office = Office(engine)
    office.heard(T0, *(f"{s}-gw" for _, s in places))
    return office


@pytest.mark.requirement("jobs.each")
def test_a_site_whose_data_are_broken_keeps_no_other_from_being_told(district: Office) -> None:
    """The job says at its end that it has failed, and where."""
    broken = {"point": "s0-q", "resolution": 60, "start": T0, "columns": b"\xff"}
    with write(district.engine) as connection:
        connection.execute(insert(schema.rollup), broken)
    district.unpaged = "n0-f:n0-p:silence.gateway:20270115T080000.000Z"
    with pytest.raises(SomeFailed, match=r"2 failed: s0 \(CBORDecode.*n0-f.*\(OSError: no page\)"):
        stay(district, T0 + 3 * BEAT, "n0", "s0", "s1")
    assert set(district.alerts()) == {"s0-f silence.gateway", "s1-f silence.gateway"}
    assert len(district.paged) == 2


def stay(office: Office, now: int, *silent: str) -> None:
    """All others were heard just now."""
    with read(office.engine) as connection:
        every = connection.scalars(select(schema.gateway.c.id)).all()
    office.heard(now, *(g for g in every if g.removesuffix("-gw") not in silent))
    office.look(now)


@pytest.mark.requirement("silence.outage.together")
def test_sites_that_fall_silent_together_are_an_outage_until_most_are_back(district: Office) -> None:
    for now in range(T0, T0 + 4 * BEAT, TICK):
        stay(district, now, "n0", "n1", "n2")
    said = district.alerts()
    assert {k.split()[0] for k in said if k.endswith("quality.outage")} == {"n0-f", "n1-f", "n2-f"}
    assert {why for k, (_, why, _) in said.items() if k.endswith("silence.gateway")} == {"grid_outage"}
    assert district.paged == []
    stay(district, T0 + 5 * BEAT, "n2")
    assert district.alerts()["n1-f silence.gateway"][0] == "normal"
    assert district.paged == ["n2-f:n2-p:silence.gateway:20270115T080000.000Z"]  # what stays silent is told


@pytest.mark.requirement("silence.outage.together")
@pytest.mark.parametrize("silent", [("n0",), ("n0", "n1"), ("s0", "s1")])
def test_a_few_sites_are_no_outage(district: Office, silent: tuple[str, ...]) -> None:
    """Whoever pulls one plant's plugs, or two, is told."""
    for now in range(T0, T0 + 4 * BEAT, TICK):
        stay(district, now, *silent)
    assert set(district.alerts()) == {f"{s}-f silence.gateway" for s in silent}
    assert len(district.paged) == len(silent)


@pytest.mark.requirement("silence.outage.measured")
@pytest.mark.parametrize("volts", [0.4, 231.0])
def test_a_dead_voltage_shown_last_explains_a_site_s_silence_for_two_hours(district: Office, volts: float) -> None:
    columns = {"voltage_l1": [3, 3 * volts, volts, volts, T0 - 2000, volts, T0, volts]}
    row = {"point": "s0-q", "resolution": 60, "start": T0, "columns": cbor2.dumps(columns)}
    with write(district.engine) as connection:
        connection.execute(insert(schema.rollup), row)
    for now in range(T0, T0 + 4 * BEAT, TICK):
        stay(district, now, "s0")
    stay(district, T0 + MEASURED_MS - 1, "s0")
    silent = "s0-f:s0-p:silence.gateway:20270115T080000.000Z"
    assert district.paged == ([] if volts < 1 else [silent])
    stay(district, T0 + MEASURED_MS, "s0")
    assert district.paged == [silent]
    assert ("s0-f quality.outage" in district.alerts()) == (volts < 1)
