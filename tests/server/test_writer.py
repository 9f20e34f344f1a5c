"""Ingest without the broker: what is verified, stored, refused and acknowledged."""

from collections.abc import Callable

import cbor2
import pytest
import zstandard
from sqlalchemy import Engine, select

from stillcold_core.contract.batch import MAX_ENVELOPE, decode_batch
from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.evidence.envelope import digest, stored_payload
from stillcold_core.registry import Gateway, Registry
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.gateway import DEAD, SignedGateway, steady

BOTH_DATABASES = True

NOW = 1_800_000_100_000


@pytest.fixture
def writer(engine: Engine, plant: Registry) -> Writer:
    return Writer(engine, Metrics())


def rows(engine: Engine, table: object) -> list[dict[str, object]]:
    with read(engine) as connection:
        return [dict(r._mapping) for r in connection.execute(select(table))]  # type: ignore[call-overload]


@pytest.mark.requirement("ingest.row-is-the-signed-batch")
def test_the_row_is_the_signed_batch(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    envelope = gateway.batch(steady(DEAD))
    acks = writer.take([("gw-1", envelope)], NOW)
    assert acks == {"gw-1": [Acknowledgement(gateway.epoch, {1: digest(envelope)}, {})]}
    (row,) = rows(engine, schema.batch)
    assert row["body"] == envelope
    assert row["hash"] == digest(envelope)
    (index,) = rows(engine, schema.batch_point)
    assert (index["point"], index["first"], index["last"]) == ("p1", 1_800_000_000_000, 1_800_000_009_000)


@pytest.mark.requirement("ingest.dedup")
def test_a_double_is_acknowledged_again_and_stored_once(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    envelope = gateway.batch(steady(DEAD))
    first = writer.take([("gw-1", envelope)], NOW)
    assert writer.take([("gw-1", envelope), ("gw-1", envelope)], NOW) == first
    assert len(rows(engine, schema.batch)) == 1
    assert rows(engine, schema.refusal) == []


@pytest.mark.requirement("ingest.gap")
def test_a_gap_is_noted_and_closed_when_it_is_filled(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    one, two, three, four = (gateway.batch(steady(DEAD, start=1.8e9 + 10 * i)) for i in range(4))
    writer.take([("gw-1", one), ("gw-1", four)], NOW)
    (gap,) = rows(engine, schema.chain_note)
    assert (gap["kind"], gap["sequence"], gap["until"], gap["closed_at"]) == ("gap", 2, 3, None)
    writer.take([("gw-1", three)], NOW)
    assert rows(engine, schema.chain_note)[0]["closed_at"] is None
    writer.take([("gw-1", two)], NOW + 5)
    gaps = [n for n in rows(engine, schema.chain_note) if n["sequence"] == 2]
    assert [n["closed_at"] for n in gaps] == [NOW + 5]
    assert {n["kind"] for n in rows(engine, schema.chain_note)} == {"gap"}


@pytest.mark.requirement("ingest.fork")
def test_a_second_batch_for_one_sequence_is_refused_and_noted(
    engine: Engine, writer: Writer, gateway: SignedGateway
) -> None:
    envelope = gateway.batch(steady(DEAD))
    writer.take([("gw-1", envelope)], NOW)
    gateway.sequence = 0
    other = gateway.batch(steady(DEAD, count=5))
    acks = writer.take([("gw-1", other)], NOW)
    assert acks == {"gw-1": [Acknowledgement(gateway.epoch, {}, {1: "fork"})]}
    assert [n["kind"] for n in rows(engine, schema.chain_note)] == ["fork"]
    assert [(r["reason"], r["gateway"], r["count"]) for r in rows(engine, schema.refusal)] == [("fork", "gw-1", 1)]
    assert rows(engine, schema.batch)[0]["body"] == envelope


def test_a_batch_that_names_another_predecessor_is_stored_and_noted(
    engine: Engine, writer: Writer, gateway: SignedGateway
) -> None:
    writer.take([("gw-1", gateway.batch(steady(DEAD)))], NOW)
    writer.take([("gw-1", gateway.batch(steady(DEAD, start=1.9e9), previous=bytes(32)))], NOW)
    assert [n["kind"] for n in rows(engine, schema.chain_note)] == ["broken"]
    assert len(rows(engine, schema.batch)) == 2


def _flip(envelope: bytes) -> bytes:
    return envelope[:-100] + bytes([envelope[-100] ^ 1]) + envelope[-99:]


HOSTILE: dict[str, tuple[Callable[[SignedGateway], bytes], str]] = {
    "empty": (lambda g: b"", "not_cose"),
    "unsigned": (lambda g: stored_payload(g.batch(steady(DEAD))), "not_cose"),
    "altered": (lambda g: _flip(g.batch(steady(DEAD))), "signature"),
    "truncated": (lambda g: g.batch(steady(DEAD))[:-1], "not_cose"),
    "with a tail": (lambda g: g.batch(steady(DEAD)) + b"\0", "not_cose"),
    "10 MB": (lambda g: bytes(10 << 20), "too_large"),
    "as large as may be": (lambda g: bytes(MAX_ENVELOPE), "not_cose"),
    "signed by a stranger": (lambda g: SignedGateway("gw-1").batch(steady(DEAD)), "signature"),
    "a stranger's": (lambda g: SignedGateway("gw-9").batch(steady(DEAD)), "unknown_key"),
    "another kind of message": (lambda g: g.seal(b"x", content_type="text/plain"), "content_type"),
    "signed garbage": (lambda g: g.seal(b"garbage"), "malformed"),
    "signed nesting": (lambda g: g.seal(zstandard.compress(b"\x81" * 100_000 + b"\0")), "malformed"),
    "a signed bomb": (lambda g: g.seal(zstandard.compress(bytes(32 << 20))), "too_large"),
    "another gateway's name inside": (lambda g: g.batch(steady(DEAD), gateway="gw-2"), "wrong_gateway"),
    "a point twice": (lambda g: g.seal(_doubled(g)), "malformed"),
}


def _doubled(gateway: SignedGateway) -> bytes:
    payload = stored_payload(gateway.batch(steady(DEAD)))
    content = cbor2.loads(zstandard.decompress(payload))
    content["points"] *= 2
    return zstandard.compress(cbor2.dumps(content))


@pytest.mark.requirement("ingest.refusals-counted")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_counted_under_its_reason_and_the_next_one_is_taken(
    name: str, engine: Engine, writer: Writer, gateway: SignedGateway
) -> None:
    make, reason = HOSTILE[name]
    hostile = make(gateway)
    good = SignedGateway.batch(gateway, steady(DEAD), sequence=1, previous=bytes(32))
    acks = writer.take([("gw-1", hostile), ("gw-1", good)], NOW)
    assert [(r["reason"], r["gateway"], r["count"]) for r in rows(engine, schema.refusal)] == [(reason, "gw-1", 1)]
    assert list(acks["gw-1"][0].stored.values()) == [digest(good)]
    assert len(rows(engine, schema.batch)) == 1


def test_strangers_share_one_counter(engine: Engine, writer: Writer) -> None:
    strangers = [SignedGateway(f"gw-{i}") for i in range(100, 110)]
    writer.take([(g.name, g.batch(steady(DEAD))) for g in strangers], NOW)
    assert [(r["reason"], r["gateway"], r["count"]) for r in rows(engine, schema.refusal)] == [("unknown_key", "?", 10)]


def test_a_key_of_one_gateway_does_not_open_the_topic_of_another(
    engine: Engine, writer: Writer, gateway: SignedGateway
) -> None:
    writer.take([("gw-2", gateway.batch(steady(DEAD)))], NOW)
    assert [r["reason"] for r in rows(engine, schema.refusal)] == ["wrong_gateway"]


def test_nobody_signs_for_another_gateway_on_its_topic(
    engine: Engine, writer: Writer, plant: Registry, gateway: SignedGateway
) -> None:
    """Not even where the broker lets it through and the batch says that it is the other's."""
    with write(engine) as connection:
        import_registry(connection, Registry(site=plant.site, gateway=(Gateway("gw-2", SignedGateway().public_key),)))
    writer.take([("gw-2", gateway.batch(steady(DEAD), gateway="gw-2"))], NOW)
    assert [(r["reason"], r["gateway"]) for r in rows(engine, schema.refusal)] == [("wrong_gateway", "gw-2")]
    assert rows(engine, schema.batch) == []


def test_what_is_stored_decodes(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    samples = steady(DEAD)
    writer.take([("gw-1", gateway.batch(samples))], NOW)
    body = rows(engine, schema.batch)[0]["body"]
    assert isinstance(body, bytes)
    block = decode_batch(stored_payload(body)).blocks[0]
    assert [dict(s.values) for s in block.samples()] == [dict(s.values) for s in samples]
