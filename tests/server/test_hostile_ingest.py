"""Hostile messages by the thousand through the real ingest: none is stored, none stops it, each is counted once."""

import itertools
import os
import resource
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, func, select

from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_server.identity.enrolments import revoke
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from stillcold_server.store.refusals import REASONS
from support.attacks import ATTACKS, Target, attacks, targets
from support.gateway import DEAD, steady

HOSTILE = int(os.environ.get("STILLCOLD_HOSTILE", "5000"))
"""Messages; ``make fuzz`` sends a million."""
SEED = 20260101
TOGETHER = 100
NOW = 1_800_000_100_000
OF_INGEST = {r for r in REASONS if r not in ("unbound_point", "future", "detector_failed")}
MOST_MEMORY = 1 << 29  # bytes more than the test process had before: bombs are a few hundred bytes each


def plant(victims: list[Target]) -> Registry:
    """The registry of the gateways that are attacked."""
    return Registry(
        site=(Site("s", "S"),),
        line=(Line("f1", "s", "F", "permitted", 750e3),),
        gateway=tuple(Gateway(g.name, g.public_key, "s") for g in (*(t.gateway for t in victims), victims[0].revoked)),
        point=tuple(Point(f"p-{t.name}", "f1", "feeder", t.name) for t in victims),
    )


def counted(engine: Engine) -> Counter[str]:
    """Refused messages by reason, as the database has them."""
    table = schema.refusal.c
    with read(engine) as connection:
        rows = connection.execute(select(table.reason, func.sum(table.count).label("n")).group_by(table.reason)).all()
    return Counter({row.reason: int(row.n) for row in rows})


def metric(metrics: Metrics, name: str) -> int:
    """Sum of a counter over its labels."""
    families = metrics.registry.collect()
    return round(sum(s.value for f in families for s in f.samples if s.name == f"{name}_total"))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bodies(engine: Engine) -> list[bytes]:
    """Everything that is stored."""
    with read(engine) as connection:
        return sorted(connection.scalars(select(schema.batch.c.body)))


@pytest.mark.slow
@pytest.mark.requirement("ingest.hostile-counted")
def test_no_hostile_message_is_stored_and_each_is_counted_once(engine: Engine) -> None:
    """By somebody without the keys, and by somebody who has them."""
    victims, metrics, before = targets(), Metrics(), _peak()
    with write(engine) as connection:
        import_registry(connection, plant(victims))
        revoke(connection, None, victims[0].revoked.name, "officer", "stolen", datetime.fromtimestamp(NOW / 1000, UTC))
    writer = Writer(engine, metrics)
    good = [(t.name, envelope) for t in victims for envelope in t.stored]
    writer.take(good, NOW)
    assert bodies(engine) == sorted(e for _, e in good)

    begun, families, stream = time.monotonic(), Counter[str](), attacks(SEED, victims)
    for size in (min(TOGETHER, HOSTILE - sent) for sent in range(0, HOSTILE, TOGETHER)):
        some = list(itertools.islice(stream, size))
        families.update(family for family, _ in some)
        writer.take([message for _, message in some], NOW)
    took = time.monotonic() - begun

    refused, doubles = counted(engine), metric(metrics, "stillcold_ingest_doubles")
    print(f"\n{HOSTILE} messages in {took:.0f} s: {dict(refused)}, {doubles} doubles")
    assert bodies(engine) == sorted(e for _, e in good)
    assert refused.total() + doubles == families.total() == HOSTILE
    assert metric(metrics, "stillcold_ingest_refused") == refused.total()
    assert doubles == families["replayed"]
    assert set(refused) == OF_INGEST
    assert set(families) == set(ATTACKS)
    assert _peak() - before < MOST_MEMORY
    next_one = victims[0].gateway.batch(steady(DEAD, start=1.8e9 + 500, point="p-gw-1"))
    (reply,) = writer.take([("gw-1", next_one)], NOW)["gw-1"]
    assert list(reply.stored) == [len(victims[0].stored) + 1]
