"""A gateway whose card was copied: the whole agent from one state in two folders, broker with TLS, and the server."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, func, select

from stillcold_agent.identity import load_or_make_key
from stillcold_core.evidence.keys import format_public_key
from stillcold_core.profiles import Profile, load_profile
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_server.app import Server
from stillcold_server.config import Config as ServerConfig
from stillcold_server.config import Mqtt as ServerMqtt
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support import Authority, Mosquitto, Process, wait_for_async
from support.raw_meter import RawMeter, Registers

CONFIG = """
gateway = "gw-1"
data_dir = "data"

[mqtt]
port = {broker}
ca_file = "{ca}"
cert_file = "gateway.crt"
key_file = "gateway.key"

[batch]
quiet = 1

[[bus]]
id = "b"
kind = "tcp"
host = "127.0.0.1"
port = {meter}

[[device]]
bus = "b"
unit = 1
profile = "eastron-sdm630"
point = "p1"
interval = 0.1
"""


class Card:
    """All that one gateway is, in a folder: configuration, keys, certificate, journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "stillcold_agent.cli", "run", "--config", str(folder / "agent.toml")]
        self.agent = Process(command, folder / "agent.log")

    def copied(self, folder: Path) -> "Card":
        """The same in another folder; the agent must not run."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.sock"))
        return Card(folder)


@pytest.fixture
def sdm630() -> Profile:
    return load_profile("eastron-sdm630")


@pytest.fixture
def card(tmp_path: Path, authority: Authority) -> Card:
    folder, certificate = tmp_path / "card", authority.client("gw-1")
    (folder / "data").mkdir(parents=True)
    shutil.copy(certificate.cert_file, folder / "gateway.crt")
    shutil.copy(certificate.key_file, folder / "gateway.key")
    return Card(folder)


@pytest.fixture
def server(tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto, card: Card) -> Iterator[Server]:
    own = authority.client("stillcold-server")
    mqtt = ServerMqtt(
        host="localhost", port=mosquitto_tls.port, ca_file=str(authority.ca_file),
        cert_file=str(own.cert_file), key_file=str(own.key_file),
    )  # fmt: skip
    server = Server(ServerConfig(database=f"sqlite:///{tmp_path / 'server.db'}", mqtt=mqtt))
    key = format_public_key(load_or_make_key(card.folder / "data").public_key())
    registry = Registry(
        site=(Site("s", "S"),),
        line=(Line("f1", "s", "F", "permitted", 750e3),),
        gateway=(Gateway("gw-1", key, "s"),),
        point=(Point("p1", "f1", "feeder", "gw-1"),),
    )
    with write(server.engine) as connection:
        import_registry(connection, registry)
    with server.running():
        yield server


def count(server: Server, column: object) -> int:
    with read(server.engine) as connection:
        return connection.scalar(select(func.count()).select_from(column)) or 0  # type: ignore[arg-type]


def clones(server: Server) -> Sequence[Row[Any]]:
    """What was said of clones; while two fight for one name, the gateway may be called silent too."""
    with read(server.engine) as connection:
        return connection.execute(select(schema.alert).where(schema.alert.c.kind == "tamper.clone")).all()


@pytest.mark.requirement("ingest.clone.fork")
async def test_a_copied_card_is_told_and_a_moved_one_is_not(
    tmp_path: Path, authority: Authority, mosquitto_tls: Mosquitto, server: Server, card: Card, sdm630: Profile
) -> None:
    """The gateway works from its card, then from a copy alone, then from both: they take the broker from each other."""
    async with RawMeter(Registers(sdm630, {"active_power": 7.0})) as meter:
        text = CONFIG.format(broker=mosquitto_tls.port, ca=authority.ca_file, meter=meter.port)
        (card.folder / "agent.toml").write_text(text)
        with card.agent:
            await wait_for_async(lambda: count(server, schema.batch) >= 2, what="batches from the card")
        moved = card.copied(tmp_path / "moved")
        stored = count(server, schema.batch)
        with moved.agent:
            await wait_for_async(lambda: count(server, schema.batch) >= stored + 2, what="batches from the copy")
        assert count(server, schema.alert) == 0
        both = [moved, moved.copied(tmp_path / "double")]
        with both[0].agent, both[1].agent:
            await wait_for_async(lambda: clones(server), what="the alert")
    (alert,) = clones(server)
    with read(server.engine) as connection:
        stored_one = select(schema.batch.c.hash).where(schema.batch.c.sequence == alert.evidence["sequence"])
        hashes = [h.hex() for h in connection.scalars(stored_one)]
    assert [alert.evidence["stored"]] == hashes
    assert alert.evidence["refused"] not in hashes
