"""Two devices with one gateway's key, as ingest sees them, and what only looks like them."""

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, update

from stillcold_core.detect.findings import Finding
from stillcold_core.evidence.envelope import digest
from stillcold_core.registry import Registry
from stillcold_server.alerts.lifecycle import record
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.gateway import DEAD, SignedGateway, steady

START = 1_800_000_000
MINUTE = 60


class Ingest:
    """The writer, with its findings recorded as alerts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.found: list[Finding] = []
        self._now = 0
        self._writer = Writer(engine, Metrics(), on_clone=self._record)

    def take(self, *envelopes: bytes, at: float) -> None:
        """Messages that come at that second."""
        self._now = round(1000 * at)
        self._writer.take([("gw-1", e) for e in envelopes], self._now)

    def alerts(self) -> list[dict[str, Any]]:
        """What officers see."""
        with read(self.engine) as connection:
            return [dict(r._mapping) for r in connection.execute(select(schema.alert))]

    def _record(self, connection: Connection, finding: Finding) -> None:
        self.found.append(finding)
        record(connection, finding, self._now)


@pytest.fixture
def ingest(engine: Engine, plant: Registry) -> Ingest:
    return Ingest(engine)


def journal(gateway: SignedGateway, epoch: bytes) -> SignedGateway:
    """Another journal that is signed with the gateway's key."""
    return SignedGateway(gateway.name, epoch, key=gateway.key)


def minute(gateway: SignedGateway, at: float, **changes: object) -> bytes:
    """The gateway's next batch: the minute that begins then."""
    return gateway.batch(steady(DEAD, start=at, count=6, every=10.0), **changes)


def minutes(gateway: SignedGateway, first: int, count: int, **changes: object) -> list[tuple[float, bytes]]:
    """Batches of successive minutes, with the time at which each is complete."""
    starts = [START + MINUTE * i for i in range(first, first + count)]
    return [(at + MINUTE, minute(gateway, at, **changes)) for at in starts]


def live(ingest: Ingest, *streams: Sequence[tuple[float, bytes]]) -> None:
    """Each batch comes when it is complete."""
    for at, envelope in sorted(itertools.chain(*streams)):
        ingest.take(envelope, at=at)


@pytest.mark.requirement("ingest.clone.fork")
def test_two_different_batches_of_one_sequence_are_a_clone(ingest: Ingest, gateway: SignedGateway) -> None:
    """A copied card: both go on from where it was copied. Told once, with both heads; the second envelope is kept."""
    live(ingest, minutes(gateway, 0, 3))
    double = copy.copy(gateway)
    mine, others = minutes(gateway, 3, 4), [(at + 7, e) for at, e in minutes(double, 3, 4, boot=b"\1" * 16)]
    live(ingest, mine, others)
    (alert,) = ingest.alerts()
    assert (alert["kind"], alert["severity"], alert["line"], alert["state"]) == (
        "tamper.clone", "critical", "f1", "unacknowledged"
    )  # fmt: skip
    assert alert["evidence"] == {
        "gateway": "gw-1", "epoch": gateway.epoch.hex(), "sequence": 4,
        "stored": digest(mine[0][1]).hex(), "refused": digest(others[0][1]).hex(),
    }  # fmt: skip
    with read(ingest.engine) as connection:
        assert connection.scalars(select(schema.journal_epoch.c.rival)).all() == [others[0][1]]
        refused = connection.execute(select(schema.refusal.c.reason, schema.refusal.c.count.label("n"))).all()
    assert [tuple(r) for r in refused] == [("fork", 4)]


@pytest.mark.requirement("ingest.clone.epochs")
@pytest.mark.parametrize("synced", [True, False])
def test_two_journals_that_grow_in_turns_are_a_clone(ingest: Ingest, gateway: SignedGateway, synced: bool) -> None:
    """A copied key with a journal of its own; also where no time service is, as long as the clocks are about right."""
    double = journal(gateway, b"epoch--2")
    live(ingest, minutes(gateway, 0, 20, synced=synced), minutes(double, 5, 10, synced=synced))
    (alert,) = ingest.alerts()
    heads = alert["evidence"]
    assert {heads["epoch"], heads["other_epoch"]} == {gateway.epoch.hex(), double.epoch.hex()}
    assert len(heads["head"]) == len(heads["other_head"]) == 64
    assert alert["raised_at"] <= 1000 * (START + 12 * MINUTE)


@pytest.mark.requirement("ingest.clone.epochs")
def test_a_copy_that_sends_once_is_seen_when_the_original_goes_on(ingest: Ingest, gateway: SignedGateway) -> None:
    live(ingest, minutes(gateway, 0, 20), minutes(journal(gateway, b"epoch--2"), 8, 1))
    assert [a["kind"] for a in ingest.alerts()] == ["tamper.clone"]


@pytest.mark.requirement("ingest.clone.epochs")
def test_the_order_in_which_batches_come_does_not_matter(ingest: Ingest, gateway: SignedGateway) -> None:
    """The original was cut off while its double was heard, and hands its backlog over afterwards."""
    backlog, heard = minutes(gateway, 0, 30), minutes(journal(gateway, b"epoch--2"), 5, 20)
    live(ingest, heard)
    assert ingest.alerts() == []
    ingest.take(*(e for _, e in backlog), at=START + 3600)
    assert [a["kind"] for a in ingest.alerts()] == ["tamper.clone"]


def test_each_further_double_is_told(ingest: Ingest, gateway: SignedGateway) -> None:
    """A third journal beside the two that are known."""
    doubles = [minutes(journal(gateway, name), first, 10) for name, first in ((b"epoch--2", 5), (b"epoch--3", 20))]
    live(ingest, minutes(gateway, 0, 40), *doubles)
    assert len(ingest.alerts()) == 2


@pytest.mark.requirement("ingest.clone.honest")
def test_a_lost_journal_is_no_clone(ingest: Ingest, gateway: SignedGateway) -> None:
    """The new epoch begins after the old one has ended, three times over."""
    names = (b"epoch--1", b"epoch--2", b"epoch--3")
    live(ingest, *(minutes(journal(gateway, name), 20 * i, 19) for i, name in enumerate(names)))
    assert ingest.found == []


@pytest.mark.requirement("ingest.clone.honest")
def test_a_backlog_of_the_old_journal_is_no_clone(ingest: Ingest, gateway: SignedGateway) -> None:
    """It comes between the batches of the new one, newest first, and once more on request."""
    old, new = minutes(gateway, 0, 20), minutes(journal(gateway, b"epoch--2"), 21, 20)
    late = [(at + 21 * MINUTE, e) for (at, _), (_, e) in zip(old, reversed(old), strict=True)]
    again = [(at + 40 * MINUTE, e) for at, e in old]
    live(ingest, new, late, again)
    assert ingest.found == []
    with read(ingest.engine) as connection:
        assert len(connection.execute(select(schema.batch.c.id)).all()) == 40


@pytest.mark.requirement("ingest.clone.honest")
@pytest.mark.parametrize("off", [-365 * 86400, -3600, 3600, 365 * 86400])
def test_a_new_journal_with_a_wrong_clock_is_no_clone(ingest: Ingest, gateway: SignedGateway, off: int) -> None:
    """A lost card on a board without a clock: the samples of the new journal seem to lie among those of the old."""
    new = journal(gateway, b"epoch--2")
    times = [START + MINUTE * i for i in range(21, 40)]
    live(ingest, minutes(gateway, 0, 20), [(at + MINUTE, minute(new, at + off, synced=False)) for at in times])
    live(ingest, minutes(new, 40, 5))
    assert ingest.found == []


@pytest.mark.requirement("ingest.clone.honest")
def test_doubles_and_batches_without_samples_are_no_clone(ingest: Ingest, gateway: SignedGateway) -> None:
    new = journal(gateway, b"epoch--2")
    sent = [*minutes(gateway, 0, 10), *minutes(new, 10, 5), (START + 15 * MINUTE, new.batch([]))]
    live(ingest, sent, [(at + 1, e) for at, e in sent], [(START + 16 * MINUTE, gateway.batch([]))])
    assert ingest.found == []


@pytest.mark.requirement("ingest.clone.ends")
def test_the_alert_ends_with_the_key(ingest: Ingest, gateway: SignedGateway) -> None:
    """Whoever holds the old one is a stranger then; what the gateway sends with its new key is no clone of it."""
    live(ingest, minutes(gateway, 0, 20), minutes(journal(gateway, b"epoch--2"), 5, 10))
    fresh = SignedGateway(epoch=b"epoch--3")
    with write(ingest.engine) as connection:
        connection.execute(update(schema.gateway).values(public_key=fresh.public_key))
    live(ingest, minutes(fresh, 18, 10))
    (alert,) = ingest.alerts()
    assert (alert["state"], alert["ended"]) == ("returned", 1000 * (START + 19 * MINUTE))


def test_a_gateway_that_speaks_for_no_point_is_counted_and_stops_nothing(
    ingest: Ingest, gateway: SignedGateway
) -> None:
    """There is no line to put an alert on; as soon as there is, the double is told."""
    with write(ingest.engine) as connection:
        connection.execute(update(schema.point).values(gateway=None))
    double = copy.copy(gateway)
    live(ingest, minutes(gateway, 0, 2), [(at + 5, e) for at, e in minutes(double, 0, 2, boot=b"\1" * 16)])
    assert ingest.found == []
    with read(ingest.engine) as connection:
        assert connection.scalars(select(schema.chain_note.c.kind)).all() == ["fork", "fork"]
    with write(ingest.engine) as connection:
        connection.execute(update(schema.point).values(gateway="gw-1"))
    live(ingest, minutes(gateway, 2, 2), [(at + 5, e) for at, e in minutes(double, 2, 2, boot=b"\1" * 16)])
    assert [a["evidence"]["sequence"] for a in ingest.alerts()] == [3]
