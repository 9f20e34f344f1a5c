"""What a gateway says it has lost, beside what is merely missing."""

import pytest
from sqlalchemy import Engine, select

from stillcold_core.contract.losses import Gap
from stillcold_core.registry import Registry
from stillcold_server.api.read.health import load_health
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.people.scope import EVERYWHERE
from stillcold_server.store import schema
from stillcold_server.store.database import read
from support.gateway import DEAD, SignedGateway, steady

BOTH_DATABASES = True

NOW = 1_800_000_100_000
Note = tuple[str, int, int, bool]


@pytest.fixture
def writer(engine: Engine, plant: Registry) -> Writer:
    return Writer(engine, Metrics())


def chain(gateway: SignedGateway, count: int, **last: object) -> list[bytes]:
    """So many batches; ``last`` changes the last one."""
    made = [gateway.batch(steady(DEAD, start=1.8e9 + 10 * i)) for i in range(count - 1)]
    return [*made, gateway.batch(steady(DEAD, start=1.8e9 + 10 * count), **last)]


def take(writer: Writer, *envelopes: bytes) -> None:
    writer.take([("gw-1", e) for e in envelopes], NOW)


def notes(engine: Engine) -> list[Note]:
    """Kind, first, until, and whether it is closed."""
    with read(engine) as connection:
        rows = connection.execute(select(schema.chain_note).order_by(schema.chain_note.c.id))
        return [(r.kind, r.sequence, r.until, r.closed_at is not None) for r in rows]


@pytest.mark.requirement("ingest.lost")
def test_a_gap_that_the_gateway_explains_is_closed(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    """It says which, why, when and whose; the loss stays to be seen."""
    lost = Gap("full", 2, 4, None, 1_800_000_010_000, 1_800_000_039_000, ("p1", "p2"))
    envelopes = chain(gateway, 5, gaps=[lost])
    take(writer, envelopes[0], envelopes[4])
    assert notes(engine) == [("gap", 2, 4, True), ("lost", 2, 4, False)]
    with read(engine) as connection:
        (note,) = load_health(connection, NOW, EVERYWHERE).chain_notes
    assert (note.kind, note.sequence, note.until) == ("lost", 2, 4)
    assert note.detail == "full, 2027-01-15T08:00:10.000Z to 2027-01-15T08:00:39.000Z, p1 p2"


@pytest.mark.requirement("ingest.lost")
def test_what_is_not_explained_stays_missing(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    """Until the rest has come, or is explained too; records may overlap."""
    envelopes = chain(gateway, 9, gaps=[Gap("full", 2, 4), Gap("age", 4, 6)])
    take(writer, envelopes[0], envelopes[8])
    assert notes(engine)[0] == ("gap", 2, 8, False)
    take(writer, envelopes[7])
    assert notes(engine)[0] == ("gap", 2, 8, False)
    take(writer, envelopes[6])
    assert notes(engine)[0] == ("gap", 2, 8, True)
    assert {n for n in notes(engine) if n[0] == "lost"} == {("lost", 2, 4, False), ("lost", 4, 6, False)}


@pytest.mark.requirement("ingest.lost")
def test_a_record_grows_and_is_noted_once(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    """Each batch says it until the gateway knows that it was heard; a shorter one that comes late shortens nothing."""
    gateway.sequence = 9
    grown, said = (gateway.batch(steady(DEAD), gaps=[Gap("full", 1, until)]) for until in (7, 9))
    take(writer, said, grown)
    assert ("lost", 1, 9, False) in notes(engine)
    assert [n[0] for n in notes(engine)].count("lost") == 1
    take(writer, gateway.batch(steady(DEAD), gaps=[Gap("full", 1, 9)]))
    assert [n[0] for n in notes(engine)].count("lost") == 1


@pytest.mark.requirement("ingest.lost")
def test_what_was_called_lost_and_came_is_not_lost(engine: Engine, writer: Writer, gateway: SignedGateway) -> None:
    """An acknowledgement did not reach the gateway before it dropped the batch."""
    envelopes = chain(gateway, 4, gaps=[Gap("full", 2, 3)])
    take(writer, *envelopes[:2], envelopes[3])
    assert notes(engine) == [("gap", 3, 3, True), ("lost", 2, 3, False)]
    take(writer, envelopes[2])
    assert notes(engine) == [("gap", 3, 3, True), ("lost", 2, 3, True)]


@pytest.mark.requirement("ingest.lost")
def test_a_loss_without_sequence_and_one_of_an_earlier_journal_are_noted(
    engine: Engine, writer: Writer, gateway: SignedGateway
) -> None:
    """They explain no gap of this chain."""
    gaps = [Gap("disk_error", 1, 0, None, 1_800_000_000_000, 1_800_000_060_000), Gap("damaged", 1, 70, b"epoch--0")]
    gateway.sequence = 2
    take(writer, gateway.batch(steady(DEAD), gaps=gaps))
    assert notes(engine) == [("gap", 1, 2, False), ("unwritten", 1, 1, False), ("lost", 1, 70, False)]
    with read(engine) as connection:
        epochs = [n.epoch for n in load_health(connection, NOW, EVERYWHERE).chain_notes]
    assert epochs == [b"epoch--0".hex(), b"epoch--1".hex(), b"epoch--1".hex()]
