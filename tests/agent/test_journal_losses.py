"""What the journal drops, in which order, and what it says of it; what it keeps for a server that lost its disk."""

from pathlib import Path

import pytest

from stillcold_agent.counts import Counts
from stillcold_agent.journal import store
from stillcold_agent.journal.entries import Bounds, Link
from stillcold_agent.journal.gaps import MOST_TOLD, Loss
from stillcold_agent.journal.store import Journal
from stillcold_core.contract.losses import Gap
from stillcold_core.contract.messages import Acknowledgement, ReplayRequest
from stillcold_core.evidence.envelope import digest
from support.journals import START, entry, envelope, fill

DAY = 86_400_000  # ms


class Clock:
    """The journal's wall clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.synced = START, True
        monkeypatch.setattr(store, "_now", lambda: self.now)
        monkeypatch.setattr(store, "clock_is_synchronised", lambda: self.synced)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def opened(tmp_path: Path, max_bytes: int = 1000, **bounds: float) -> Journal:
    return Journal(tmp_path / "journal.db", Bounds(max_bytes, **bounds), Counts())


def acknowledge(journal: Journal, *sequences: int) -> None:
    """Store them at the server."""
    kept = {k.sequence: digest(k.envelope) for k in journal.pending(99)}
    journal.settle([Acknowledgement(journal.epoch, {s: kept[s] for s in sequences})])


def left(journal: Journal) -> list[int]:
    return [k.sequence for k in journal.pending(99)]


def told(journal: Journal, importance: int = 0) -> tuple[Gap, ...]:
    """What one more batch of 100 bytes says is lost."""
    said: list[tuple[Gap, ...]] = []

    def make(link: Link) -> bytes:
        said.append(link.gaps)
        return envelope(link)[:100]

    journal.append([entry(make, importance)])
    return said[0]


def lost(reason: str, first: int, until: int) -> Gap:
    return Gap(reason, first, until, None, START, START + 59_000, ("p1",))


@pytest.mark.requirement("agent.journal.policy")
def test_a_full_journal_drops_what_is_worth_least(tmp_path: Path) -> None:
    """What the server has, what it refused, quiet, changes, and what shows life on a sealed line last."""
    journal = opened(tmp_path)
    for importance in (2, 0, 1, 0, 2, 0, 1, 0, 0, 0):
        fill(journal, 1, importance=importance)
    acknowledge(journal, 1, 9)
    journal.settle([Acknowledgement(journal.epoch, refused={5: "malformed"})])
    order: list[int] = []
    for _ in range(10):
        before = {*left(journal), 1, 9, 5} - {*order}
        fill(journal, 1, importance=3)
        held = {k for (k,) in journal._db.execute("SELECT sequence FROM batch")}
        order += sorted(before - held)
    assert order == [9, 1, 5, 2, 4, 6, 8, 10, 3, 7]
    assert left(journal) == list(range(11, 21))
    journal.close()


@pytest.mark.requirement("agent.journal.gap-record")
def test_what_is_dropped_is_said_in_every_batch_until_the_server_has_one(tmp_path: Path) -> None:
    """With period and points; it grows while it goes on, and outlives a restart."""
    journal = opened(tmp_path)
    fill(journal, 12)
    assert told(journal) == (lost("full", 1, 2),)
    assert told(journal) == (lost("full", 1, 3),)
    journal.close()
    journal = opened(tmp_path)
    assert told(journal) == (lost("full", 1, 4),)
    acknowledge(journal, 14)  # which said less than 15 did
    assert told(journal) == (lost("full", 1, 5),)
    acknowledge(journal, 16)
    assert told(journal) == ()  # 14 and 16 made room before anything else had to go
    journal.close()


@pytest.mark.requirement("agent.journal.gap-record")
def test_a_record_outlives_the_batch_that_carried_it(tmp_path: Path) -> None:
    """Also when that one is dropped itself."""
    journal = opened(tmp_path, max_bytes=300)
    fill(journal, 40)
    assert told(journal) == (lost("full", 1, 37),)
    journal.close()


@pytest.mark.requirement("agent.journal.gap-record")
def test_runs_that_do_not_meet_are_told_apart_and_a_batch_tells_so_many(tmp_path: Path) -> None:
    """The rest follows."""
    journal = opened(tmp_path, max_bytes=100 * (MOST_TOLD + 10))
    for i in range(MOST_TOLD + 10):
        fill(journal, 1, importance=i % 2)
    fill(journal, 2, importance=1)
    assert told(journal, 1) == (lost("full", 1, 1), lost("full", 3, 3))
    fill(journal, MOST_TOLD // 2, importance=1)
    assert len(told(journal, 1)) == MOST_TOLD // 2 + 3
    journal.close()


@pytest.mark.requirement("agent.journal.gap-record")
def test_what_never_became_a_batch_is_told_too(tmp_path: Path) -> None:
    """Between the sequences where it would have stood; the same again joins it."""
    journal = opened(tmp_path)
    fill(journal, 4)
    journal.append([entry()], [Loss("disk_error", START, START + 5, ("p1",))])
    before = Gap("disk_error", 5, 4, None, START, START + 5, ("p1",))
    assert told(journal) == (before,)
    journal.append([], [Loss("disk_error", START + 9, START + 12, ("p2",))])
    journal.append([], [Loss("disk_error", START + 20, START + 30, ("p1",))])
    assert told(journal) == (before, Gap("disk_error", 7, 6, None, START + 9, START + 30, ("p1", "p2")))
    journal.close()


@pytest.mark.requirement("agent.journal.age")
def test_what_is_too_old_is_dropped_and_said(tmp_path: Path, clock: Clock) -> None:
    """What the server has after a week without a word, what it has not after a year with one."""
    journal = opened(tmp_path, keep_days=7, max_days=30)
    fill(journal, 2)
    fill(journal, 1, importance=2)
    acknowledge(journal, 1)
    clock.now += 6 * DAY
    fill(journal, 1)
    journal.expire()
    assert (journal.stats().depth, journal.stats().kept_bytes) == (3, 100)
    clock.now += 2 * DAY
    journal.expire()
    assert (journal.stats().depth, journal.stats().kept_bytes) == (3, 0)
    assert told(journal) == ()
    clock.now += 23 * DAY
    journal.expire()
    assert left(journal) == [4, 5]
    assert told(journal) == (lost("age", 2, 3),)
    assert journal.stats().dropped == {"age": 2}
    journal.close()


@pytest.mark.requirement("agent.journal.age")
def test_a_clock_that_nobody_keeps_makes_nothing_old(tmp_path: Path, clock: Clock) -> None:
    """A gateway without a battery begins in 1970: the age of what it wrote then counts from when it knows better."""
    clock.now, clock.synced = 0, False
    journal = opened(tmp_path, max_days=30)
    fill(journal, 2)
    clock.now = START
    journal.expire()
    clock.synced = True
    journal.expire()
    clock.now += 29 * DAY
    journal.expire()
    assert left(journal) == [1, 2]
    clock.now += 2 * DAY
    journal.expire()
    assert left(journal) == []
    journal.close()


@pytest.mark.requirement("agent.journal.replay")
def test_what_the_server_asks_for_again_waits_for_it_again(tmp_path: Path) -> None:
    """As far as it is still there; also after a restart, until it is acknowledged anew."""
    journal = opened(tmp_path, max_bytes=10**6)
    made = fill(journal, 9)
    acknowledge(journal, *range(1, 9))
    assert journal.replay(ReplayRequest(b"another!", [(1, 9)])) == 0
    assert journal.replay(ReplayRequest(journal.epoch, [(2, 3), (7, 500)])) == 4
    journal.close()
    journal = opened(tmp_path, max_bytes=10**6)
    assert [(k.sequence, k.envelope) for k in journal.pending(9)] == [(s, made[s - 1]) for s in (2, 3, 7, 8, 9)]
    assert journal.stats().kept_bytes == 400
    acknowledge(journal, 2, 3, 7, 8, 9)
    assert (journal.count_pending(), journal.stats().kept_bytes) == (0, 900)
    journal.close()


@pytest.mark.requirement("agent.journal.replay")
def test_of_what_is_not_kept_any_more_the_server_hears_so(tmp_path: Path) -> None:
    """Not of what waits to be told already, nor of what never was."""
    journal = opened(tmp_path, max_bytes=400)
    fill(journal, 4)
    acknowledge(journal, 1, 2, 3, 4)
    fill(journal, 4, importance=1)
    acknowledge(journal, 5, 6)
    assert journal.replay(ReplayRequest(journal.epoch, [(2, 6), (8, 500), (600, 700)])) == 2
    assert journal.replay(ReplayRequest(journal.epoch, [(2, 4)])) == 0
    assert told(journal, 1) == (Gap("gone", 2, 4),)
    journal.close()


def test_an_acknowledgement_of_what_was_dropped_settles_it(tmp_path: Path) -> None:
    """It may still be on its way: it needs not be sent again. What it told is not taken for heard."""
    journal = opened(tmp_path, max_bytes=300)
    made = fill(journal, 5)
    ack = Acknowledgement(journal.epoch, {2: digest(made[1]), 99: bytes(32)})
    assert journal.settle([ack]) == {2, 99}
    assert told(journal) == (lost("full", 1, 2),)
    journal.close()
