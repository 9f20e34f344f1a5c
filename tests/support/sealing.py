"""A sealed line under observation: what its meters show, minute by minute, as signed batches in the store."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import Connection, Engine, select, update

from stillcold_core.readings import Sample, Value
from stillcold_core.registry import Point, Registry
from stillcold_server.evidence.key import Signer, new_key
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.schema import batch
from support.gateway import DEAD, SignedGateway

BEGIN = round(datetime(2027, 1, 14, 16, tzinfo=UTC).timestamp() * 1000)
"""ms; midnight in Shanghai, the beginning of 15 January 2027."""
MINUTE, HOUR = 60_000, 3_600_000
EXPONENTS = {
    **{f"voltage_l{i}": -1 for i in (1, 2, 3)}, **{f"current_l{i}": -2 for i in (1, 2, 3)}, "active_power": 0,
    "active_energy_import": 0, "water_volume": -3, "seal_closed": 0,
}  # fmt: skip


def office_key(folder: Path) -> Signer:
    """A key of the office, in its file."""
    (folder / "evidence.key").write_bytes(new_key())
    return Signer(folder / "evidence.key", "example.org/stillcold")


def add_line(connection: Connection, plant: Registry, name: str) -> None:
    """One more line like the first, with a feeder ``p3`` of the same gateway."""
    line = replace(plant.line[0], id=name, name="2")
    import_registry(connection, Registry(line=(line,), point=(Point("p3", name, "feeder", "gw-1"),)))


def break_newest(connection: Connection) -> tuple[int, bytes]:
    """Make the newest batch one that nobody can read; its id, and what it was."""
    newest = connection.execute(select(batch.c.id, batch.c.body).order_by(batch.c.id.desc()).limit(1)).one()
    connection.execute(update(batch).where(batch.c.id == newest.id).values(body=b"?"))
    return newest.id, newest.body


def show(
    engine: Engine,
    gateway: SignedGateway,
    begin: int,
    end: int,
    values: Mapping[str, Value] = DEAD,
    *,
    every: int = MINUTE,
    point: str = "p1",
    send: bool = True,
) -> list[bytes]:
    """What a point shows from one moment (ms) to another, not included, in batches of an hour."""
    times = range(begin, end, every)
    samples = [Sample(point, t / 1000, dict(values), (t - BEGIN) / 1000) for t in times]
    size = max(1, HOUR // every)
    envelopes = [gateway.batch(samples[i : i + size]) for i in range(0, len(samples), size)]
    if send:
        Writer(engine, Metrics()).take([(gateway.name, e) for e in envelopes], end)
    return envelopes
