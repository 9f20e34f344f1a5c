"""A restart of a sealed line, as signed batches in the store with everything that follows from them."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Sample
from stillcold_server.alerts.pipeline import take
from stillcold_server.detection.live import Detection
from stillcold_server.duty.escalation import page_by
from stillcold_server.duty.reach import Channels
from stillcold_server.followers import Follower
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import rollups
from support.gateway import DEAD, LIVE, SignedGateway, steady

START = 1_800_000_000.0
HOOK = Channels(("hook",), ())
NOW = 1_800_000_219_500
"""ms; half a second after the last sample of ``restart_story``."""


def restart_story(point: str = "p1", start: float = START) -> list[Sample]:
    """A dead line, a run of 40 s at a sample a second, a dead line."""
    after = {**DEAD, "active_energy_import": LIVE["active_energy_import"]}
    return [
        *steady(DEAD, start=start, count=60, point=point),
        *steady(LIVE, start=start + 60, count=40, point=point),
        *steady(after, start=start + 100, count=120, point=point),
    ]


def feed(engine: Engine, gateway: SignedGateway, samples: Sequence[Sample], now: int = NOW) -> None:
    """Store samples in signed batches, and let detection and rollups follow."""

    def found(connection: Connection, finding: Finding) -> None:
        take(connection, finding, now, page_by(HOOK))

    envelopes = [gateway.batch(samples[i : i + 20]) for i in range(0, len(samples), 20)]
    Writer(engine, Metrics()).take([(gateway.name, e) for e in envelopes], now)
    detection = Detection(engine, found).follower()
    detection.catch_up()
    detection.stop()
    Follower("rollup", engine, handle=rollups.handle).catch_up()
