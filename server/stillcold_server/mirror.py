"""A copy of every stored sample for a server that takes the Influx line protocol, behind a durable cursor.

At least once: after a crash the last batches may be written again, with the same timestamps, which overwrites them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from sqlalchemy import Engine

from stillcold_core.contract.batch import Block
from stillcold_server.config import Influx
from stillcold_server.followers import Follower, Stored
from stillcold_server.registry.ledger import export_registry
from stillcold_server.store.database import read
from stillcold_server.store.lease import Lease

MEASUREMENT = "reading"
CURSOR = "mirror"


def make_mirror(engine: Engine, config: Influx, lease: Lease | None = None) -> Follower:
    """The mirror's follower.

    A write that the server refuses or does not answer raises, so the cursor stays and the follower tries again.
    """
    token = Path(config.token_file).read_text().strip() if config.token_file else ""
    client = InfluxDBClient(config.url, token=token, org=config.org, timeout=30_000)
    writer = client.write_api(write_options=SYNCHRONOUS)  # the batching writer returns at once from a dead server

    def prepare(batches: Sequence[Stored]) -> None:
        lines = list(lines_of(batches, _tags(engine)))
        if lines:
            writer.write(config.bucket, config.org, lines)

    return Follower(CURSOR, engine, prepare=prepare, closed=client.close, lease=lease)


def lines_of(batches: Sequence[Stored], tags: Mapping[str, str]) -> Iterator[str]:
    """Line protocol of stored batches: measurement ``reading``, tags of the point, a field a quantity, times in ns."""
    for stored in batches:
        for block in stored.batch.blocks:
            yield from _block_lines(block, tags.get(block.point, f",point={escape(block.point)}"))


def escape(tag: str) -> str:
    """A tag's value for the line protocol.

    Examples
    --------
    >>> escape("kc 017,a=b")
    'kc\\\\ 017\\\\,a\\\\=b'
    """
    return tag.replace("\\", "\\\\").replace(" ", "\\ ").replace(",", "\\,").replace("=", "\\=")


def _tags(engine: Engine) -> dict[str, str]:
    with read(engine) as connection:
        registry = export_registry(connection)
    site_of = {line.id: line.site for line in registry.line}
    return {p.id: f",site={escape(site_of[p.line])},line={escape(p.line)},point={escape(p.id)}" for p in registry.point}


def _block_lines(block: Block, tags: str) -> Iterator[str]:
    columns = {name: column.values() for name, column in block.columns.items()}
    for i, time in enumerate(block.times.tolist()):
        fields = [f"{name}={float(values[i])!r}" for name, values in columns.items() if not np.isnan(values[i])]
        if fields:
            yield f"{MEASUREMENT}{tags} {','.join(fields)} {time * 1_000_000}"
