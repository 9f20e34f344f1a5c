"""A fleet against a real broker and the server's real ingest."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, func, select

from stillcold_core.contract.batch import decode_batch
from stillcold_core.contract.messages import Status
from stillcold_core.evidence.envelope import stored_payload
from stillcold_core.evidence.keys import parse_public_key
from stillcold_core.files import BadFile
from stillcold_core.profiles import load_profile
from stillcold_core.registry import load_registry
from stillcold_server.config import Mqtt
from stillcold_server.detection.live import Detection
from stillcold_server.ingest.subscriber import Subscriber
from stillcold_server.ingest.verify import Verified, verify
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from stillcold_sim.cli import main
from stillcold_sim.fleet import FleetFile, load_fleet, registry_of, run_fleet
from stillcold_sim.fleet.gateway import FleetGateway, Link
from stillcold_sim.fleet.readings import runs_from
from support import Mosquitto, wait_for
from support.settings import documented_settings, settings_of

START = 1_790_000_000.0
FLEET = """
name = "f"
gateways = 20
points = 2
duration = 60
settle = 15
[rate]
batch = 10
speed = 40
[broker]
connections = {connections}
port = {port}
"""


@pytest.fixture
def fleet(tmp_path: Path, mosquitto: Mosquitto) -> Callable[..., FleetFile]:
    """Load a fleet on a running broker from the rest of its text."""

    def load(more: str = "", connections: int = 3) -> FleetFile:
        path = tmp_path / "fleet.toml"
        path.write_text(FLEET.format(port=mosquitto.port, connections=connections) + more, encoding="utf-8")
        return load_fleet(path)

    return load


class Ingest:
    """The server's ingest on a broker, with the gateways of a fleet imported."""

    def __init__(self, engine: Engine, fleet: FleetFile) -> None:
        self.engine = engine
        self.statuses: list[tuple[str, Status]] = []
        with write(engine) as connection:
            import_registry(connection, registry_of(fleet))
        self._subscriber = Subscriber(
            Mqtt(port=fleet.broker.port),
            Writer(engine, Metrics()),
            on_stored=lambda: None,
            on_status=lambda gateway, status: self.statuses.append((gateway, status)),
            on_ahead=lambda _gateway, _message: None,
            metrics=Metrics(),
        )

    def __enter__(self) -> "Ingest":
        self._subscriber.start()
        wait_for(lambda: self._subscriber.connected)
        return self

    def __exit__(self, *_: object) -> None:
        self._subscriber.stop()

    def count(self) -> int:
        """Batches on disk."""
        with read(self.engine) as connection:
            return connection.scalar(select(func.count()).select_from(schema.batch)) or 0

    def notes(self) -> set[tuple[str, bool]]:
        """What was wrong with chains, and whether it was made good."""
        note = schema.chain_note
        with read(self.engine) as connection:
            return {(row.kind, row.closed_at is not None) for row in connection.execute(select(note))}


def batches(fleet: FleetFile, index: int, start: float = START) -> list[Link]:
    """The first three of a gateway."""
    gateway = FleetGateway(fleet, load_profile(fleet.profile), index, start)
    return [gateway.make() for _ in range(3)]


@pytest.mark.requirement("sim.fleet.stored")
def test_the_server_stores_and_acknowledges_every_batch_of_a_fleet(
    fleet: Callable[..., FleetFile], engine: Engine
) -> None:
    """With disorder, duplicates and an outage: chains are whole in the end, and nothing is stored twice."""
    made = fleet("[wire]\ndisorder = 0.3\nduplicate = 0.3\n[[outage]]\nat = 20\nfor = 25\nshare = 0.5\n")
    with Ingest(engine, made) as ingest:
        report = asyncio.run(run_fleet(made))
        assert ingest.count() == report.made == report.acknowledged == 120
        assert ingest.notes() == {("gap", True)}
    assert report.clean
    assert report.duplicates > 0
    assert report.sent == report.made + report.duplicates + report.again
    assert list(report.latency) == ["p50", "p90", "p99", "max"]
    assert report.values == 120 * 10 * 2 * len(load_profile("eastron-sdm630").exponents)


@pytest.mark.requirement("sim.fleet.own-connections")
def test_gateways_with_connections_of_their_own_vanish_and_come_back(
    fleet: Callable[..., FleetFile], engine: Engine
) -> None:
    """The broker says offline in their names, and they say online again."""
    made = fleet("[[outage]]\nat = 10\nfor = 45\nshare = 0.5\n", connections=0)
    with Ingest(engine, made) as ingest:
        report = asyncio.run(run_fleet(made))
    assert report.clean
    assert report.connections == 20
    assert 0 < report.reconnects < 20
    said: dict[str, list[str]] = {}
    for gateway, status in ingest.statuses:
        said.setdefault(gateway, []).append(status.state)
    hit = [states for states in said.values() if states[:3] == ["online", "offline", "online"]]
    assert len(hit) == report.reconnects


@pytest.mark.requirement("sim.fleet.lost")
def test_what_no_server_acknowledges_is_lost_and_sent_again(fleet: Callable[..., FleetFile], tmp_path: Path) -> None:
    """Exit code 1, and the report says how much."""
    fleet("[wire]\npatience = 0.5\nwindow = 2\nbacklog = 3\n")
    path = tmp_path / "fleet.toml"
    path.write_text(path.read_text().replace("settle = 15", "settle = 1"))
    result = CliRunner().invoke(main, ["fleet", "run", str(path), "--json"])
    assert result.exit_code == 1, result.output
    report = json.loads(result.output)
    assert report["dropped"] == {"backlog_full": 20}
    assert (report["made"], report["acknowledged"], report["lost"]) == (120, 0, 100)
    assert report["again"] > 0


@pytest.mark.requirement("sim.fleet.deterministic")
def test_the_same_seed_and_start_give_the_same_bytes() -> None:
    """Another start is another journal; another seed, another key."""
    fleet = FleetFile(seed=4)
    assert [b.envelope for b in batches(fleet, 7)] == [b.envelope for b in batches(fleet, 7)]
    later = batches(fleet, 7, START + 1)[0]
    assert (
        decode_batch(stored_payload(later.envelope)).epoch
        != decode_batch(stored_payload(batches(fleet, 7)[0].envelope)).epoch
    )
    assert registry_of(fleet).gateway[7].public_key != registry_of(FleetFile(seed=5)).gateway[7].public_key


def test_the_registry_of_a_fleet_verifies_its_batches(tmp_path: Path) -> None:
    """Written, read back, and used as the server uses it."""
    (tmp_path / "f.toml").write_text("gateways = 3\npoints = 2\n")
    fleet = load_fleet(tmp_path / "f.toml")
    result = CliRunner().invoke(main, ["fleet", "registry", str(tmp_path / "f.toml"), str(tmp_path / "r.toml")])
    assert result.output == f"3 gateways, 6 points written to {tmp_path / 'r.toml'}\n"
    registry = load_registry(tmp_path / "r.toml")
    keys = {g.id: parse_public_key(g.public_key) for g in registry.gateway}
    for index, gateway in enumerate(registry.gateway):
        verified = [verify(b.envelope, gateway.id, keys.get) for b in batches(fleet, index)]
        chain = [v for v in verified if isinstance(v, Verified)]
        assert len(chain) == 3
        assert [v.batch.previous for v in chain[1:]] == [v.hash for v in chain[:-1]]
        points = {p.id for p in registry.point if p.gateway == gateway.id}
        assert {b.point for v in chain for b in v.batch.blocks} == points


@pytest.mark.requirement("sim.fleet.lines")
def test_sealed_lines_are_dead_until_they_restart_and_permitted_ones_run() -> None:
    """Each point's power and energy agree with the registry and with the time of its restart."""
    fleet = FleetFile(gateways=60, duration=180, live=0.3, restarts=0.5)
    states = {line.id: line.state for line in registry_of(fleet).line}
    seen = set()
    for index in range(fleet.gateways):
        began = runs_from(fleet, index, 0)
        sealed = states[fleet.line_id(index, 0)] == "sealed"
        assert sealed == (began > 0)
        seen.add((sealed, began < fleet.duration))
        blocks = [b for link in batches(fleet, index) for b in decode_batch(stored_payload(link.envelope)).blocks]
        power = [p for b in blocks for p in b.columns["active_power"].values().tolist()]
        energy = [e for b in blocks for e in b.columns["active_energy_import"].values().tolist()]
        assert not any(p for t, p in enumerate(power) if t < began)
        assert energy[-1] - energy[0] == pytest.approx(sum(power[1:]) / 3600, abs=10)
    assert seen == {(True, True), (True, False), (False, True)}


@pytest.mark.requirement("sim.fleet.alerts")
def test_the_server_finds_the_lines_that_restart_and_no_others(engine: Engine) -> None:
    """Stored by its writer, judged by its detection."""
    fleet = FleetFile(gateways=40, duration=240, restarts=0.4)
    found: dict[str, set[str]] = {}
    with write(engine) as connection:
        import_registry(connection, registry_of(fleet))
    envelopes = [(fleet.gateway_id(i), b.envelope) for i in range(fleet.gateways) for b in batches(fleet, i)]
    Writer(engine, Metrics()).take(envelopes, round(1000 * (START + fleet.duration)))
    detection = Detection(engine, lambda _, finding: found.setdefault(finding.line, set()).add(finding.kind))
    detection.follower().catch_up()
    began = {fleet.line_id(i, 0): runs_from(fleet, i, 0) for i in range(fleet.gateways)}
    melting = {line for line, at in began.items() if 0 < at < 150}
    assert len(melting) > 3
    assert found.keys() >= melting
    assert found.keys() <= {line for line, at in began.items() if 0 < at < 180}
    assert {kind for kinds in found.values() for kind in kinds} == {
        "restart.energy",
        "restart.power",
        "restart.current",
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('profile = "xintai-ultrasonic-water"', "profile"),
        ('profile = "nobody"', "profile"),
        ("duration = 30", "duration"),
        ("[rate]\ninterval = 90", "rate.batch"),
        ("[wire]\ndisorder = 1.5", "wire.disorder"),
        ("gatways = 3", "gatways"),
    ],
)
def test_a_mistake_in_a_fleet_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    """File and field, before anything is opened."""
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    with pytest.raises(BadFile) as bad:
        load_fleet(path)
    assert bad.value.field == named


@pytest.mark.requirement("sim.fleet.documented")
def test_every_setting_of_a_fleet_is_documented_with_its_default() -> None:
    """And the document names no other."""
    document = Path(__file__).parents[2] / "docs" / "fleet.md"
    assert documented_settings(document) == settings_of(FleetFile)


def test_a_broker_that_is_not_there_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, exit code 2."""
    monkeypatch.setattr("stillcold_sim.fleet.run._CONNECT", 0.2)
    (tmp_path / "fleet.toml").write_text("gateways = 2\n[broker]\nport = 1\n")
    result = CliRunner().invoke(main, ["fleet", "run", str(tmp_path / "fleet.toml")])
    assert result.exit_code == 2
    assert "2 of 2 connections to 127.0.0.1:1" in result.output
