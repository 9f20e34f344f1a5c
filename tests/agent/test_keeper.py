"""Signing and writing off the event loop, and the samples that come out at the far end."""

import queue
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stillcold_agent.batcher import Collected, Importance
from stillcold_agent.boot import Moment, boot_id, clock_is_synchronised, now
from stillcold_agent.counts import Counts
from stillcold_agent.journal import keeper as module
from stillcold_agent.journal.entries import Bounds, Entry, Kept
from stillcold_agent.journal.gaps import Loss
from stillcold_agent.journal.keeper import Keeper
from stillcold_agent.journal.sealing import Sealer
from stillcold_agent.journal.store import Journal
from stillcold_core.contract.batch import CONTENT_TYPE, decode_batch
from stillcold_core.contract.losses import Gap
from stillcold_core.contract.steps import Step
from stillcold_core.evidence.envelope import GENESIS, digest, open_envelope
from stillcold_core.evidence.keys import Ed25519PrivateKey
from stillcold_core.profiles import Profile
from stillcold_core.readings import Absence, Sample
from support.meters import meter

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.db", Bounds(10**9), Counts())


def keeper_of(
    profile: Profile, journal: Journal, counts: Counts, on_failure: Callable[[BaseException], None] = lambda _: None
) -> tuple[Keeper, threading.Event]:
    kept, one = threading.Event(), meter(profile)
    sealer = Sealer("gw-1", KEY, {one.point: one})
    return Keeper(sealer, journal, on_kept=lambda _: kept.set(), on_failure=on_failure, counts=counts), kept


def collected(profile: Profile, *moments: float) -> Collected:
    samples = [meter(profile).sample(Moment(t, t - 1e9), [(4998,), (1234,)]) for t in moments]
    return Collected({"p1": samples}, "quiet", Importance.QUIET)


@pytest.mark.requirement("agent.batch.content")
def test_what_was_read_is_what_a_server_opens(two_blocks: Profile, journal: Journal) -> None:
    """Values, causes, raw words, both clocks, the profile's version and the boot, signed."""
    keeper, _ = keeper_of(two_blocks, journal, Counts())
    one = meter(two_blocks)
    samples = [
        one.sample(Moment(1.7e9, 50.0), [(4998,), (1234,)]),
        one.sample(Moment(1.7e9 + 1, 51.0), [Absence.TIMEOUT, Absence.TIMEOUT]),
        one.sample(Moment(1.7e9 + 2, 52.0), [(65535,), Absence.EXCEPTION]),
    ]
    keeper.start()
    keeper.put(Collected({"p1": samples}, "quiet", Importance.QUIET))
    keeper.stop()
    envelope = journal.pending(1)[0].envelope
    opened = open_envelope(envelope, content_type=CONTENT_TYPE, key_of={"gw-1": KEY.public_key()}.get)
    batch = decode_batch(opened.payload)
    assert (batch.gateway, batch.epoch, batch.sequence, batch.boot) == ("gw-1", journal.epoch, 1, boot_id())
    assert batch.profiles == {"two-blocks": two_blocks.version}
    assert batch.synced is clock_is_synchronised()
    (block,) = batch.blocks
    assert list(block.samples()) == [
        Sample("p1", 1.7e9, {"frequency": 49.98, "active_power": 1234.0}, 50.0),
        Sample("p1", 1.7e9 + 1, {"frequency": Absence.TIMEOUT, "active_power": Absence.TIMEOUT}, 51.0),
        Sample("p1", 1.7e9 + 2, {"frequency": Absence.OUT_OF_RANGE, "active_power": Absence.EXCEPTION}, 52.0),
    ]
    assert block.raw["frequency"].tolist() == [[4998]]


def test_stopping_writes_what_was_handed_over(two_blocks: Profile, journal: Journal) -> None:
    """In order."""
    keeper, _ = keeper_of(two_blocks, journal, Counts())
    keeper.start()
    for i in range(20):
        keeper.put(collected(two_blocks, 1e9 + i))
    keeper.stop()
    batches = [decode_batch(_payload(k.envelope)) for k in journal.pending(99)]
    assert [b.blocks[0].times.tolist() for b in batches] == [[(10**9 + i) * 1000] for i in range(20)]


@pytest.mark.requirement("agent.batch.together")
def test_what_was_closed_at_once_while_the_disk_was_busy_becomes_one_batch(
    two_blocks: Profile, journal: Journal
) -> None:
    """Not what was closed for another reason: it keeps its place."""
    keeper, _ = keeper_of(two_blocks, journal, Counts())
    for i, reason in enumerate(("live", "live", "quiet", "live", "live", "live")):
        keeper.put(replace(collected(two_blocks, 1e9 + i), reason=reason))  # nobody takes them yet
    keeper.start()
    keeper.stop()
    batches = [decode_batch(_payload(k.envelope)) for k in journal.pending(99)]
    seconds = [[t // 1000 - 10**9 for t in b.blocks[0].times.tolist()] for b in batches]
    assert seconds == [[0, 1], [2], [3, 4, 5]]


@pytest.mark.requirement("agent.batch.together")
def test_what_becomes_one_batch_still_says_what_is_known_of_the_clock(two_blocks: Profile, journal: Journal) -> None:
    """Its steps, and whether its times can be trusted: what was read before that was known stays apart."""
    keeper, _ = keeper_of(two_blocks, journal, Counts())
    for i in range(4):
        each = replace(collected(two_blocks, 1e9 + i), reason="live", synced=i > 0)
        keeper.put(replace(each, steps=(Step(i, 5000),)))
    keeper.start()
    keeper.stop()
    batches = [decode_batch(_payload(k.envelope)) for k in journal.pending(99)]
    assert [(b.synced, [s.monotonic for s in b.steps]) for b in batches] == [(False, [0]), (True, [1, 2, 3])]


@pytest.mark.requirement("agent.journal.disk-full")
def test_a_disk_that_takes_nothing_for_a_while_loses_nothing(
    two_blocks: Profile, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch waits and is written with the next sequence, without a hole."""
    monkeypatch.setattr(module, "_RETRY", 0.02)
    journal._db.execute("PRAGMA max_page_count = 1")  # SQLite answers as on a full disk
    keeper, kept = keeper_of(two_blocks, journal, Counts())
    chance = random.Random(1)
    for _ in range(3):
        keeper.put(collected(two_blocks, *(1e9 + 1e6 * chance.random() for _ in range(2000))))  # does not compress
    keeper.start()
    try:
        assert not kept.wait(0.2)
        assert journal.count_pending() == 0
        journal._db.execute("PRAGMA max_page_count = 1000000")
        assert kept.wait(60)
    finally:
        keeper.stop()
    assert [k.sequence for k in journal.pending(9)] == [1, 2, 3]


@pytest.mark.requirement("agent.journal.gap-record")
def test_what_a_slow_disk_cannot_keep_up_with_is_counted_and_said(two_blocks: Profile, journal: Journal) -> None:
    """The queue is bounded and reading goes on; what matters least is dropped, the oldest first."""
    counts = Counts()
    keeper, _ = keeper_of(two_blocks, journal, counts)
    for i in range(70):
        keeper.put(replace(collected(two_blocks, 1e9 + i), importance=Importance(i in (0, 2))))  # nobody takes them yet
    assert counts.totals() == {"keeper_full": 6}
    keeper.start()
    keeper.stop()
    batches = [decode_batch(_payload(k.envelope)) for k in journal.pending(99)]
    times = [b.blocks[0].times[0] // 1000 - 10**9 for b in batches]
    assert times == [0, 2, *range(8, 70)]
    assert batches[0].gaps == (Gap("disk_error", 1, 0, None, 1_000_000_001_000, 1_000_000_007_000, ("p1",)),)


@pytest.mark.requirement("agent.journal.gap-record")
def test_what_waits_for_a_slow_disk_is_bounded_by_its_values_too(
    two_blocks: Profile, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few large batches are as much memory as many small ones; what was written makes room."""
    monkeypatch.setattr(module, "_MOST_VALUES", 100)
    counts = Counts()
    keeper, kept = keeper_of(two_blocks, journal, counts)
    for i in range(3):
        keeper.put(collected(two_blocks, *(1e9 + 100 * i + j for j in range(20))))  # of two values each
    assert counts.totals() == {"keeper_full": 1}
    keeper.start()
    assert kept.wait(60)
    for i in range(3, 5):
        keeper.put(collected(two_blocks, *(1e9 + 100 * i + j for j in range(20))))
    keeper.stop()
    times = [decode_batch(_payload(k.envelope)).blocks[0].times[0] // 1000 - 10**9 for k in journal.pending(9)]
    assert times == [100, 200, 300, 400]


@pytest.mark.requirement("agent.journal.gap-record")
def test_what_the_disk_refuses_until_the_agent_stops_is_said_in_the_next_run(
    two_blocks: Profile, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What finds no room as a batch finds it as a record of its loss."""
    refused, append = threading.Event(), Journal.append

    def full(self: Journal, entries: Sequence[Entry], losses: Sequence[Loss] = ()) -> list[Kept]:
        if entries:
            refused.set()
            raise sqlite3.OperationalError("database or disk is full")
        return append(self, entries, losses)

    counts = Counts()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        keeper, _ = keeper_of(two_blocks, journal, counts)
        for i in range(20):
            keeper.put(collected(two_blocks, 1e9 + i))
        keeper.start()
        assert refused.wait(60)
        keeper.stop()
    assert counts.totals()["keeper_stopped"] == 20
    after, _ = keeper_of(two_blocks, journal, counts)
    after.start()
    after.put(collected(two_blocks, 1e9 + 60))
    after.stop()
    batch = decode_batch(_payload(journal.pending(1)[0].envelope))
    assert batch.gaps == (Gap("disk_error", 1, 0, None, 1_000_000_000_000, 1_000_000_019_000, ("p1",)),)


@pytest.mark.requirement("agent.journal.group-commit")
def test_batches_that_queue_are_written_together(two_blocks: Profile, journal: Journal) -> None:
    """Several to a commit, each with its own link of the chain."""
    keeper, _ = keeper_of(two_blocks, journal, Counts())
    commits: list[str] = []
    journal._db.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
    for i in range(40):
        keeper.put(collected(two_blocks, 1e9 + i))
    keeper.start()
    keeper.stop()
    assert len(commits) == 3
    batches = [(decode_batch(_payload(k.envelope)), digest(k.envelope)) for k in journal.pending(99)]
    assert [b.previous for b, _ in batches] == [GENESIS, *(hash_ for _, hash_ in batches[:-1])]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_nobody_foresaw_is_reported(two_blocks: Profile, journal: Journal) -> None:
    """The agent ends by it instead of reading on without a journal."""
    failures: queue.Queue[BaseException] = queue.Queue()
    keeper, _ = keeper_of(two_blocks, journal, Counts(), failures.put)
    keeper.start()
    samples = [Sample("a point that nobody reads", 1e9, {}, 0.0)]
    keeper.put(Collected({"a point that nobody reads": samples}, "quiet", Importance.QUIET))
    assert isinstance(failures.get(timeout=60), KeyError)
    keeper.stop()


def test_the_clocks_of_one_moment_agree() -> None:
    """The monotonic one never goes back."""
    first, second = now(), now()
    assert first.monotonic <= second.monotonic
    assert abs((second.time - first.time) - (second.monotonic - first.monotonic)) < 1
    assert len(boot_id()) == 16
    assert boot_id() == boot_id()


def _payload(envelope: bytes) -> bytes:
    return open_envelope(envelope, content_type=CONTENT_TYPE, key_of=lambda _: KEY.public_key()).payload
