"""What a gateway says of its own clock."""

import pytest
from sqlalchemy import Engine, delete

from stillcold_core.contract.steps import Step
from stillcold_server.api.read.health import load_health
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.people.scope import EVERYWHERE
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.gateway import DEAD, SignedGateway, steady

NOW = 1_800_000_100_000


@pytest.mark.requirement("ingest.clock")
@pytest.mark.usefixtures("plant")
def test_a_clock_that_was_set_is_noted(engine: Engine, gateway: SignedGateway) -> None:
    """Once for each batch; what a time service corrects at work is only logged."""
    writer = Writer(engine, Metrics())
    small = gateway.batch(steady(DEAD), steps=[Step(5_000, 2_500)])
    large = gateway.batch(steady(DEAD, start=1.8e9 + 10), steps=[Step(15_000, -7_200_000), Step(16_000, 7_200_500)])
    for envelope in (small, large, large):
        writer.take([("gw-1", envelope)], NOW)
    with read(engine) as connection:
        (note,) = load_health(connection, NOW, EVERYWHERE).chain_notes
    assert (note.kind, note.sequence, note.detail) == ("clock", 2, "back 7200 s, forward 7200.5 s")


@pytest.mark.requirement("ingest.clock")
@pytest.mark.usefixtures("plant")
def test_a_batch_that_comes_back_after_a_loss_is_stored_though_its_clock_is_noted(
    engine: Engine, gateway: SignedGateway
) -> None:
    """The note outlived the batch: a replay fills the gap."""
    writer = Writer(engine, Metrics())
    envelope = gateway.batch(steady(DEAD), steps=[Step(5_000, -7_200_000)])
    writer.take([("gw-1", envelope)], NOW)
    with write(engine) as connection:
        connection.execute(delete(schema.log_entry))
        connection.execute(delete(schema.log_tile))
        connection.execute(delete(schema.batch_point))
        connection.execute(delete(schema.batch))
    (ack,) = writer.take([("gw-1", envelope)], NOW)["gw-1"]
    assert ack.stored.keys() == {1}
    with read(engine) as connection:
        assert [n.kind for n in load_health(connection, NOW, EVERYWHERE).chain_notes] == ["clock"]
