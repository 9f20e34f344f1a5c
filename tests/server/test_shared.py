"""Two servers on one PostgreSQL: every batch comes to both."""

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import Engine, select

from stillcold_core.registry import Registry
from stillcold_server.evidence.log import size
from stillcold_server.followers import load_batches
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import open_database, read
from stillcold_server.store.schema import log_entry
from support.gateway import DEAD, SignedGateway, steady

BATCHES = 60
NOW = 1_800_000_900_000


@pytest.fixture
def dialect() -> str:
    """What two servers share."""
    return "postgresql"


@pytest.mark.requirement("store.shared.ingest")
def test_two_servers_store_each_batch_once_with_its_receipt(
    engine: Engine, plant: Registry, gateway: SignedGateway
) -> None:
    """And whoever follows meanwhile, by its id, misses none."""
    envelopes = [gateway.batch(steady(DEAD, start=1.8e9 + 10 * i)) for i in range(BATCHES)]
    url = engine.url.render_as_string(hide_password=False)
    seen: list[int] = []

    def server(seed: int) -> None:
        own, chance, at = open_database(url), random.Random(seed), 0
        writer = Writer(own, Metrics())
        while at < BATCHES:
            count = chance.randint(1, 4)
            acks = writer.take([("gw-1", e) for e in envelopes[at : at + count]], NOW)
            assert not acks["gw-1"][0].refused
            at += count
        own.dispose()

    def follow() -> bool:
        with read(engine) as connection:
            found = [b.id for b in load_batches(connection, seen[-1] if seen else 0, 50)]
        seen.extend(found)
        return bool(found)

    with ThreadPoolExecutor(2) as pool:
        servers = [pool.submit(server, seed) for seed in (1, 2)]
        while not all(s.done() for s in servers):
            follow()
        for one in servers:
            one.result()
    while follow():
        pass
    with read(engine) as connection:
        assert [b.id for b in load_batches(connection, 0, 1000)] == seen
        assert size(connection) == len(seen) == BATCHES
        assert connection.scalars(select(log_entry.c.batch).order_by(log_entry.c.number)).all() == seen
    assert all(a < b for a, b in pairwise(seen))
