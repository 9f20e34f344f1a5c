"""A process that ingests batches, and says in ``marks`` beside its database what it has acknowledged.

``store_worker.py FOLDER BATCHES SEED``: each mark is a line of hashes in hexadecimal, written when their
acknowledgement would leave.
"""

import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from stillcold_core.registry import Gateway, Registry
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import open_database, write
from stillcold_server.store.migrate import prepare
from support.gateway import DEAD, SignedGateway, steady

DATABASE = "server.db"
START = 1_800_000_000


def work(folder: Path, batches: int, chance: random.Random) -> None:
    """Take batches, one to five together."""
    gateway = SignedGateway()
    engine = open_database(f"sqlite:///{folder / DATABASE}")
    prepare(engine)
    with write(engine) as connection:
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 50")  # the log is taken over into the database often
        import_registry(connection, Registry(gateway=(Gateway("gw-1", gateway.public_key),)))
    writer, marks = Writer(engine, Metrics()), os.open(folder / "marks", os.O_WRONLY | os.O_CREAT, 0o600)
    done = at = 0
    while done < batches:
        count = chance.randint(1, 5)
        some = [gateway.batch(steady(DEAD, start=START + 10 * (done + i))) for i in range(count)]
        acks = writer.take([("gw-1", e) for e in some], 1000 * (START + 10 * (done + count)))
        hashes = [h.hex() for ack in acks["gw-1"] for h in ack.stored.values()]
        at += os.pwrite(marks, " ".join(hashes).encode() + b"\n", at)
        done += count
    engine.dispose()


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3])))
