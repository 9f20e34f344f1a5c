"""A fleet against mosquitto and the whole server: how many gateways of a minute's batches it stores, and how fast."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcold_core.registry import save_registry
from stillcold_sim.demo.processes import run
from stillcold_sim.fleet import Broker, FleetFile, Rate, registry_of, run_fleet
from stillcold_sim.fleet.cli import told
from support import Mosquitto, Process, free_port, wait_for
from support.ports import accepts

SECONDS = 10.0  # that a run is planned for
BATCH = 60.0  # s of readings in a batch


@pytest.fixture
def server(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Process]:
    """The server on SQLite, not started yet."""
    port = free_port()
    config = f'database = "sqlite:///bench.db"\n[mqtt]\nport = {mosquitto.port}\n[http]\nport = {port}\n'
    (tmp_path / "server.toml").write_text(config)
    program = Path(sys.executable).with_name("stillcold-server")
    process = Process([str(program), "run", "-c", str(tmp_path / "server.toml")], tmp_path / "server.log")
    yield process
    if process.alive:
        process.stop()


@pytest.mark.parametrize(("gateways", "connections"), [(1500, 8), (1500, 0), (6000, 8)])
def test_gateways(tmp_path: Path, mosquitto: Mosquitto, server: Process, gateways: int, connections: int) -> None:
    """One batch a gateway and minute, evenly spread; here six times as fast, for ten seconds."""
    speed = BATCH / SECONDS
    fleet = FleetFile(
        gateways=gateways // 6,
        duration=2 * BATCH,
        restarts=0.02,
        broker=Broker(port=mosquitto.port, connections=connections),
        rate=Rate(speed=speed),
    )
    save_registry(registry_of(fleet), tmp_path / "registry.toml")
    program = Path(sys.executable).with_name("stillcold-server")
    run([program, "registry", "import", tmp_path / "registry.toml", "-c", tmp_path / "server.toml"])
    server.start()
    http = int((tmp_path / "server.toml").read_text().rsplit("=", 1)[1])
    wait_for(lambda: accepts(http), seconds=30)
    report = asyncio.run(run_fleet(fleet))
    print(f"\nas {gateways} gateways at {gateways / BATCH:.0f} batches a second\n{told(report)}")
    assert report.clean
