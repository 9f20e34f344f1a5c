"""A network that breaks off again and again, and a broker that restarts: what the server has of all that was read.

``STILLCOLD_PARTITIONS`` is their number (default 50); they last 1 to 30 s, 5 to 15 s apart, times ``STILLCOLD_SCALE``
(default 0.1). The plant counts the readings of each meter and shows the count, so every reading that is lost or comes
twice is seen.
"""

import asyncio
import contextlib
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import select

from bench.agent.contestant import Job
from bench.agent.far_end import FarEnd, Message
from bench.agent.plant import METERS, Plant, compiled
from bench.agent.stillcold import GATEWAY, Stillcold
from stillcold_agent.identity import load_or_make_key
from stillcold_agent.journal.store import JOURNAL_FILE, PENDING
from stillcold_core.contract.messages import decode_ack
from stillcold_core.contract.topics import ack_topic, ahead_topic, batch_topic
from stillcold_core.evidence.keys import format_public_key
from stillcold_core.registry import Gateway, Line, Point, Registry, Site, save_registry
from stillcold_server.store.database import open_database, read
from stillcold_server.store.schema import batch
from stillcold_sim.demo.files import write_server
from stillcold_sim.demo.processes import program, run
from stillcold_sim.proxy import Proxies, ProxyFile, Route, Trouble, proxying
from support import Mosquitto, Process, WebhookReceiver, wait_for
from support.ports import free_port
from support.waiting import wait_for_async

PARTITIONS = int(os.environ.get("STILLCOLD_PARTITIONS", "50"))
SCALE = float(os.environ.get("STILLCOLD_SCALE", "0.1"))
RESTART_EVERY = 5  # partitions after which the broker restarts while the journal drains
LIVE = 300_000  # W
BAD = (
    Trouble(at=0, what="latency", delay_ms=0, jitter_ms=500),
    Trouble(at=0, what="loss", share=0.2, delay_ms=200),
)
OUTAGE = Trouble(at=0, what="outage")
BATCH = "\n[batch]\nquiet = 1.0\nchange = 1.0\nlive = 1.0\n"
"""A batch a second, so that there is something to drain after a few seconds."""


def _server(folder: Path, broker: int, hook: str) -> Process:
    """With a registry in which the gateway speaks for fifty sealed lines."""
    (folder / "data").mkdir()
    key = format_public_key(load_or_make_key(folder / "data").public_key())
    sealed = datetime.fromisoformat("2026-01-01T00:00:00Z")
    ids = [f"m{u}" for u in range(1, METERS + 1)]
    registry = Registry(
        site=(Site("s", "五十条线"),),
        line=tuple(Line(i, "s", i, "sealed", 750e3, sealed_at=sealed, measures=("sealed",)) for i in ids),
        point=tuple(Point(i, i, "feeder", GATEWAY) for i in ids),
        gateway=(Gateway(GATEWAY, key, "s"),),
    )
    save_registry(registry, folder / "registry.toml")
    config = write_server(folder, tables={"mqtt": {"port": broker}}, http=free_port(), hook=hook)
    run([program("stillcold-server"), "registry", "import", folder / "registry.toml", "-c", config])
    return Process([str(program("stillcold-server")), "run", "-c", str(config)], folder / "server.log")


def _agent(folder: Path, plant: int, broker: int) -> Process:
    _, *rest = Stillcold(folder).command(Job(folder, plant, broker, 1.0))
    with (folder / "agent.toml").open("a") as file:
        file.write(BATCH)
    return Process([str(program("stillcold-agent")), *rest], folder / "agent.log")


async def _play(proxies: Proxies, plant: Plant, broker: Mosquitto, far_end: FarEnd) -> dict[tuple[int, int], int]:
    """Partition after partition; after each a line starts while the journal drains. When each started, ns."""
    rng, started = random.Random(1), {}
    for i in range(PARTITIONS):
        proxies.troubles.append(OUTAGE)
        await asyncio.sleep(SCALE * rng.uniform(1, 30))
        proxies.troubles.remove(OUTAGE)
        seen = len(far_end.messages)
        await wait_for_async(partial(_came, far_end, batch_topic(GATEWAY), seen))
        unit, power = i % METERS + 1, LIVE + i
        started[unit, power] = plant.set_power(unit, power)
        if i >= RESTART_EVERY:
            plant.set_power((i - RESTART_EVERY) % METERS + 1, 0)
        if i % RESTART_EVERY == 0:
            await asyncio.to_thread(broker.restart)
        await asyncio.sleep(SCALE * rng.uniform(5, 15))
    return started


def _drained(journal: Path) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        waiting: int = db.execute("SELECT count(*) FROM batch WHERE state = ?", (PENDING,)).fetchone()[0]
    return waiting <= 1  # a batch is made each second


def _came(far_end: FarEnd, topic: str, after: int = 0) -> bool:
    return any(m.topic == topic for m in far_end.messages[after:])


def _delays(messages: Sequence[Message], started: dict[tuple[int, int], int]) -> tuple[list[float], list[float]]:
    """Seconds from a line's start to the first message that shows it, and to the acknowledgement of its batch."""
    shown: dict[tuple[int, int], int] = {}
    places: dict[tuple[int, int], int] = {}
    acknowledged: dict[int, int] = {}
    decoder = Stillcold(Path())
    for m in messages:
        if m.topic == ack_topic(GATEWAY):
            for sequence in decode_ack(m.payload).stored:
                acknowledged.setdefault(sequence, m.at)
        elif m.topic in {ahead_topic(GATEWAY), batch_topic(GATEWAY)}:
            sequence = decoder.sequence(m.payload)
            for r in decoder.readings(batch_topic(GATEWAY), m.payload):
                shown.setdefault((r.unit, r.power), m.at)
                places.setdefault((r.unit, r.power), sequence)
    first = [(shown[key] - at) / 1e9 for key, at in started.items()]
    return first, [(acknowledged[places[key]] - at) / 1e9 for key, at in started.items()]


async def test_a_network_that_breaks_off(tmp_path: Path, webhook: WebhookReceiver) -> None:
    """Nothing is lost, nothing comes twice; print how long a start took to be on disk at the server."""
    cache = tmp_path / "cache"
    cache.mkdir()
    with Mosquitto(tmp_path / "broker") as broker, Plant(compiled(cache)) as plant:
        server = _server(tmp_path, broker.port, webhook.url)
        file = ProxyFile(route=(Route(id="broker", to_port=broker.port),), trouble=BAD)
        began = time.monotonic()
        async with proxying(file) as proxies:
            agent = _agent(tmp_path, plant.port, proxies.ports["broker"][1])
            with FarEnd(broker.port, lambda *_: None) as far_end, server, agent:
                await wait_for_async(partial(_came, far_end, ack_topic(GATEWAY)))
                started = await _play(proxies, plant, broker, far_end)
                proxies.troubles.clear()
                await wait_for_async(partial(_drained, tmp_path / "data" / JOURNAL_FILE), seconds=900)
                read_of_each = plant.reads()
                assert await asyncio.to_thread(agent.stop) == 0, agent.output
                stored = await asyncio.to_thread(_stored, tmp_path, sum(read_of_each))
                server.stop()
                messages = list(far_end.messages)
    wanted = {(unit, n) for unit, count in enumerate(read_of_each, 1) for n in range(1, count + 1)}
    lost, doubled = sum(key not in stored for key in wanted), sum(n > 1 for n in stored.values())
    first, last = (np.percentile(delays, [50, 99]) for delays in _delays(messages, started))
    print(
        f"\n{PARTITIONS} partitions of 1 to 30 s x {SCALE}, 20 % loss, 500 ms jitter, "
        f"{-(-PARTITIONS // RESTART_EVERY)} restarts of the broker, {time.monotonic() - began:.0f} s; "
        f"load {os.getloadavg()[0]:.1f}\n"
        f"{len(wanted)} readings of 20 values: {lost} lost, {doubled} came twice\n"
        f"from a line's start while draining, p50 and p99: to the server {first[0]:.2f} and {first[1]:.2f} s, "
        f"until its batch is acknowledged {last[0]:.2f} and {last[1]:.2f} s"
    )
    assert not lost
    assert not doubled


def _stored(folder: Path, least: int) -> Counter[tuple[int, int]]:
    """How often the server has each reading, once it has as many as were read."""
    engine, decoder = open_database(f"sqlite:///{folder / 'stillcold.db'}"), Stillcold(Path())

    def count() -> Counter[tuple[int, int]]:
        with read(engine) as connection:
            bodies = connection.execute(select(batch.c.body)).scalars().all()
        return Counter((r.unit, r.number) for b in bodies for r in decoder.readings(batch_topic(GATEWAY), b))

    with contextlib.suppress(TimeoutError):  # the caller says what is missing
        wait_for(lambda: count().total() >= least, seconds=20)
    found = count()
    engine.dispose()
    return found
