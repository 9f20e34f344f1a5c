"""The log of receipts: every stored batch is in it once, in order, under the root that RFC 9162 gives."""

import threading

import pytest
from sqlalchemy import Engine, delete, select

from stillcold_core.evidence.merkle import leaf_hash, node_hash, prove, root, root_from_proof
from stillcold_core.evidence.receipts import Receipt, parse_receipt
from stillcold_core.registry import Registry
from stillcold_server.evidence.log import extend, hashes, receipt_of, size
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import open_database, read, write
from support.gateway import DEAD, SignedGateway, steady

BOTH_DATABASES = True

NOW = 1_800_000_100_000


def plain_root(leaves: list[bytes]) -> bytes:
    """As section 2.1.1 defines it."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(plain_root(leaves[:split]), plain_root(leaves[split:]))


def receipts(engine: Engine) -> list[Receipt]:
    """Of all batches, in the order in which they were stored."""
    with read(engine) as connection:
        return [receipt_of(r) for r in connection.execute(select(schema.batch).order_by(schema.batch.c.id))]


def log_root(engine: Engine) -> tuple[int, bytes]:
    """Size and root of the log."""
    with read(engine) as connection:
        entries = size(connection)
        return entries, root(entries, hashes(connection))


@pytest.mark.requirement("evidence.log")
def test_what_is_acknowledged_is_in_the_log(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    """In the same commit; a double and a refused one are not."""
    writer = Writer(engine, Metrics())
    for i in range(5):
        envelope = gateway.batch(steady(DEAD, start=1.8e9 + 10 * i))
        writer.take([("gw-1", envelope), ("gw-1", b"garbage"), ("gw-1", envelope)], NOW + i)
        leaves = [leaf_hash(r.entry.encode()) for r in receipts(engine)]
        assert log_root(engine) == (i + 1, plain_root(leaves))
    with read(engine) as connection:
        proof = prove(5, [1, 3], hashes(connection))
    assert root_from_proof(5, {1: leaves[1], 3: leaves[3]}, proof) == plain_root(leaves)


@pytest.mark.requirement("evidence.log")
@pytest.mark.parametrize("steps", [[1] * 5, [255, 1, 1, 700], [1, 255, 256, 1, 1500], [66_000]])
def test_it_grows_over_the_edges_of_its_tiles(engine: Engine, plant: Registry, steps: list[int]) -> None:
    """Batches of any number at a time give the root of a tree made at once, and keep what was before."""
    leaves: list[bytes] = []
    for count in steps:
        rows = [row(len(leaves) + i) for i in range(count)]
        with write(engine) as connection:
            connection.execute(schema.batch.insert(), rows)
            extend(connection)
        leaves += [leaf_hash(receipt(len(leaves) + i).entry.encode()) for i in range(count)]
        assert log_root(engine) == (len(leaves), plain_root(leaves))
        with read(engine) as connection:
            some = [0, len(leaves) // 2, len(leaves) - 1]
            chosen = {i: leaves[i] for i in some}
            assert root_from_proof(len(leaves), chosen, prove(len(leaves), sorted(chosen), hashes(connection)))


def receipt(number: int) -> Receipt:
    return Receipt("gw-1", bytes(8), number + 1, number.to_bytes(32), NOW + number)


def row(number: int) -> dict[str, object]:
    r = receipt(number)
    return {
        "gateway": r.gateway, "epoch": r.epoch, "sequence": r.sequence, "hash": r.hash, "previous": bytes(32),
        "received_at": r.received_at, "body": b"",
    }  # fmt: skip


@pytest.mark.requirement("evidence.log")
def test_batches_of_before_the_log_get_their_receipts_first(
    engine: Engine, plant: Registry, gateway: SignedGateway
) -> None:
    writer = Writer(engine, Metrics())
    writer.take([("gw-1", gateway.batch(steady(DEAD)))], NOW)
    with write(engine) as connection:
        connection.execute(delete(schema.log_entry))
        connection.execute(delete(schema.log_tile))
    writer.take([("gw-1", gateway.batch(steady(DEAD, start=1.9e9)))], NOW)
    leaves = [leaf_hash(r.entry.encode()) for r in receipts(engine)]
    assert log_root(engine) == (2, plain_root(leaves))


@pytest.mark.requirement("evidence.log")
def test_two_writers_give_each_batch_one_place(engine: Engine, plant: Registry, gateway: SignedGateway) -> None:
    """At the same time on one database, with doubles: two servers that were started by mistake."""
    envelopes = [gateway.batch(steady(DEAD, start=1.8e9 + 10 * i)) for i in range(20)]
    other = open_database(str(engine.url))

    def take(database: Engine, part: list[bytes]) -> None:
        writer = Writer(database, Metrics())
        for envelope in part:
            writer.take([("gw-1", envelope)], NOW)

    parts = ((engine, envelopes[::2] + envelopes[:3]), (other, envelopes[1::2] + envelopes[:3]))
    threads = [threading.Thread(target=take, args=part) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.dispose()
    leaves = [leaf_hash(r.entry.encode()) for r in receipts(engine)]
    assert (len(leaves), log_root(engine)) == (20, (20, plain_root(leaves)))


def test_a_receipt_is_read_back() -> None:
    """And nothing but a receipt in its one form."""
    entry = receipt(4).entry
    assert parse_receipt(entry) == receipt(4)
    for wrong in ("", entry + " ", entry.upper(), entry.replace(" 5 ", " 05 "), entry.replace("/1", "/2")):
        with pytest.raises(ValueError, match="stillcold-batch/1"):
            parse_receipt(wrong)
