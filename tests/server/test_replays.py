"""Asking a gateway for what it still keeps."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, update

from stillcold_core.contract.messages import MOST_RANGES, ReplayRequest
from stillcold_core.registry import Registry
from stillcold_server.cli import main
from stillcold_server.ingest.replays import Replays, request_replay
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import write
from support.database import database_line
from support.gateway import DEAD, SignedGateway, steady

EPOCH = b"epoch--1"


class Broker:
    """Takes requests, or not."""

    def __init__(self, engine: Engine) -> None:
        self.asked: list[tuple[str, ReplayRequest]] = []
        self.takes = True
        self.replays = Replays(engine, self._ask, lambda: 7)

    def _ask(self, gateway: str, request: ReplayRequest) -> bool:
        if self.takes:
            self.asked.append((gateway, request))
        return self.takes


def say(engine: Engine, status: str) -> None:
    """The gateway is heard of."""
    with write(engine) as connection:
        connection.execute(update(schema.gateway).where(schema.gateway.c.id == "gw-1").values(status=status))


@pytest.mark.requirement("ingest.replay")
def test_a_gateway_is_asked_once_when_it_is_online(engine: Engine, plant: Registry) -> None:
    """Not before, and not until the broker has taken the request."""
    broker = Broker(engine)
    with write(engine) as connection:
        request_replay(connection, "gw-1", (EPOCH, 3, 9), 1)
    say(engine, "offline")
    broker.replays.send()
    say(engine, "online")
    broker.takes = False
    broker.replays.send()
    assert broker.asked == []
    broker.takes = True
    broker.replays.send()
    broker.replays.send()
    assert broker.asked == [("gw-1", ReplayRequest(EPOCH, [(3, 9)]))]


@pytest.mark.requirement("ingest.replay")
def test_a_server_that_lost_its_disk_asks_for_every_gap(
    engine: Engine, plant: Registry, gateway: SignedGateway
) -> None:
    """As the first batch that comes shows them; a request is never longer than the wire allows."""
    broker, writer = Broker(engine), Writer(engine, Metrics())
    for sequence in range(9, 9 + 2 * (MOST_RANGES + 5), 2):
        gateway.sequence = sequence
        writer.take([("gw-1", gateway.batch(steady(DEAD)))], 5)
    with write(engine) as connection:
        assert len(request_replay(connection, "gw-1", None, 1)) == MOST_RANGES + 5
    say(engine, "online")
    broker.replays.send()
    assert [len(r.ranges) for _, r in broker.asked] == [MOST_RANGES, 5]
    assert list(broker.asked[0][1].ranges[:3]) == [(1, 9), (11, 11), (13, 13)]


def command(engine: Engine, tmp_path: Path, *arguments: str) -> Result:
    """Run it on a database with one gateway."""
    config, registry = tmp_path / "server.toml", tmp_path / "registry.toml"
    config.write_text(database_line(engine))
    key = SignedGateway().public_key
    registry.write_text(
        f'[[site]]\nid = "s"\nname = "S"\n\n[[gateway]]\nid = "gw-1"\nsite = "s"\npublic_key = "{key}"\n'
    )
    runner = CliRunner()
    assert runner.invoke(main, ["registry", "import", str(registry), "-c", str(config)]).exit_code == 0
    return runner.invoke(main, ["request-replay", "-c", str(config), *arguments])


@pytest.mark.requirement("ingest.replay")
def test_the_command_says_what_will_be_asked_for(engine: Engine, tmp_path: Path) -> None:
    """With all three of epoch, first and last."""
    done = command(engine, tmp_path, "--gateway", "gw-1", "--epoch", EPOCH.hex(), "--from", "2", "--to", "5")
    assert done.exit_code == 0, done.output
    assert done.output == f"gw-1: 2 to 5 of epoch {EPOCH.hex()} will be asked for when it is online\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--gateway", "gw-1"], "nothing is missing of gw-1"),
        (["--gateway", "gw-9"], "there is no gateway gw-9"),
        (["--gateway", "gw-1", "--epoch", "0102"], "expected 16 hexadecimal digits"),
        (["--gateway", "gw-1", "--epoch", "x" * 16], "expected 16 hexadecimal digits"),
        (["--gateway", "gw-1", "--from", "2"], "expected all of --epoch, --from and --to"),
        (["--gateway", "gw-1", "--epoch", "00" * 8, "--from", "2", "--to", "1"], "--to not below --from"),
    ],
)
def test_what_cannot_be_asked_for_is_named(engine: Engine, tmp_path: Path, arguments: list[str], expected: str) -> None:
    """Nothing is written."""
    done = command(engine, tmp_path, *arguments)
    assert done.exit_code != 0
    assert expected in done.output
