"""The journal: an unbroken chain that forgets only what the server has."""

import contextlib
import random
import sqlite3
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_agent.counts import Counts
from stillcold_agent.identity import KEY_FILE, load_or_make_key
from stillcold_agent.journal.entries import Bounds, Link
from stillcold_agent.journal.store import Journal
from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.evidence.envelope import GENESIS, digest
from stillcold_core.files import BadFile
from support.journals import START, entry, envelope, fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def opened(path: Path, max_bytes: int = 10**9, **bounds: float) -> tuple[Journal, Counts]:
    counts = Counts()
    return Journal(path, Bounds(max_bytes, **bounds), counts), counts


def test_each_batch_names_the_one_before(path: Path) -> None:
    """From zeros on, counted from 1."""
    journal, _ = opened(path)
    links: list[Link] = []

    def make(link: Link) -> bytes:
        links.append(link)
        return envelope(link)

    journal.append([entry(make)])
    journal.append([entry(make)] * 2)
    kept = journal.pending(10)
    assert [link.sequence for link in links] == [1, 2, 3] == [k.sequence for k in kept]
    assert [link.previous for link in links] == [GENESIS, *(digest(k.envelope) for k in kept[:2])]
    assert {link.epoch for link in links} == {journal.epoch}
    journal.close()


def test_the_chain_goes_on_after_a_restart_even_when_all_is_acknowledged(path: Path) -> None:
    """Epoch, sequence and previous hash are kept apart from the batches."""
    journal, _ = opened(path, keep_days=0)
    (first,) = fill(journal, 1)
    journal.settle([Acknowledgement(journal.epoch, {1: digest(first)})])
    epoch = journal.epoch
    journal.close()
    journal, _ = opened(path)
    assert journal.epoch == epoch
    assert [k.sequence for k in journal.append([entry(lambda link: repr(link).encode())])] == [2]
    assert [k.envelope for k in journal.pending(9, [1])] == [repr(Link(epoch, 2, digest(first))).encode()]
    journal.close()


def test_a_new_journal_is_a_new_epoch(tmp_path: Path) -> None:
    """8 random bytes."""
    epochs = {opened(tmp_path / f"{i}.db")[0].epoch for i in range(5)}
    assert {len(e) for e in epochs} == {8}
    assert len(epochs) == 5


@pytest.mark.requirement("agent.journal.prune-on-ack")
def test_only_the_acknowledged_hash_prunes(path: Path) -> None:
    """Another hash, another epoch or another sequence leaves the batch where it is."""
    journal, counts = opened(path)
    made = fill(journal, 2)
    assert journal.settle([Acknowledgement(journal.epoch, {1: digest(b"another")})]) == set()
    assert counts.totals() == {"ack_hash": 1}
    assert journal.settle([Acknowledgement(b"another!", {1: digest(made[0])})]) == set()
    assert [k.sequence for k in journal.pending(9)] == [1, 2]
    assert journal.settle([Acknowledgement(journal.epoch, {1: digest(made[0])})]) == {1}
    assert [k.envelope for k in journal.pending(9)] == [made[1]]
    journal.close()


@pytest.mark.requirement("agent.journal.refused")
def test_a_refused_batch_is_kept_and_not_sent_again(path: Path) -> None:
    """Also after a restart."""
    journal, counts = opened(path)
    made = fill(journal, 2)
    assert journal.settle([Acknowledgement(journal.epoch, refused={1: "malformed"})]) == {1}
    assert journal.settle([Acknowledgement(journal.epoch, refused={1: "malformed"})]) == set()
    assert counts.totals() == {"refused_by_server": 1}
    journal.close()
    journal, _ = opened(path)
    assert [k.sequence for k in journal.pending(9)] == [2]
    row = sqlite3.connect(path).execute("SELECT envelope, reason FROM batch WHERE sequence = 1").fetchone()
    assert row == (made[0], "malformed")
    journal.close()


@pytest.mark.requirement("agent.journal.stats")
def test_the_journal_says_what_it_holds(path: Path) -> None:
    """What waits, since when, what was dropped, and how long the server took."""
    journal, _ = opened(path, max_bytes=1000)
    empty, before = journal.stats(), time.time()
    assert (empty.depth, empty.bytes, empty.kept_bytes, empty.oldest, empty.ack_lag) == (0, 0, 0, None, None)
    made = fill(journal, 12)
    journal.settle([Acknowledgement(journal.epoch, {12: digest(made[11])}, {11: "malformed"})])
    stats = journal.stats()
    assert (stats.depth, stats.bytes, stats.kept_bytes, stats.dropped) == (8, 800, 200, {"full": 2})
    assert stats.oldest is not None
    assert before - 0.001 <= stats.oldest <= time.time()
    assert stats.ack_lag is not None
    assert 0 <= stats.ack_lag < 60
    assert stats.written_kb is not None
    assert stats.written_kb >= (empty.written_kb or 0)
    journal.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["add", "ack", "wrong", "refuse", "reopen"]), max_size=40), st.randoms())
def test_whatever_happens_nothing_unacknowledged_is_lost(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], chance: random.Random
) -> None:
    """A model of the journal beside the journal."""
    path = tmp_path_factory.mktemp("model") / "journal.db"
    journal, made, pending = opened(path)[0], dict[int, bytes](), set[int]()
    for step in steps:
        at = chance.randint(1, len(made) + 1)
        if step == "add":
            made[len(made) + 1] = fill(journal, 1)[0]
            pending.add(len(made))
        elif step == "reopen":
            journal.close()
            journal = opened(path)[0]
        else:
            stored = {at: digest(made.get(at, b""))} if step == "ack" else {at: bytes(32)} if step == "wrong" else {}
            journal.settle([Acknowledgement(journal.epoch, stored, {at: "x"} if step == "refuse" else {})])
            if step in {"ack", "refuse"}:
                pending.discard(at)
        assert [(k.sequence, k.envelope) for k in journal.pending(99)] == [(s, made[s]) for s in sorted(pending)]
        assert journal.count_pending() == len(pending)
    journal.close()


def test_a_batch_that_cannot_be_made_leaves_no_hole(path: Path) -> None:
    """The sequence is taken by the next one."""
    journal, _ = opened(path)
    with pytest.raises(ZeroDivisionError):
        journal.append([entry(envelope), entry(lambda _: b"" * (1 // 0))])
    assert journal.stats().depth == 0
    assert [k.sequence for k in journal.append([entry(envelope)])] == [1]
    journal.close()


@pytest.mark.requirement("agent.journal.full-sync")
def test_a_batch_is_on_the_disk_before_append_returns(path: Path) -> None:
    """SQLite forces each commit to the disk: a power cut, not only a killed process, leaves it there."""
    journal, _ = opened(path)
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


@pytest.mark.requirement("agent.clock.held")
def test_the_time_that_a_clock_must_not_be_behind_is_that_of_the_last_batch(path: Path) -> None:
    """A clock that stood far in the future before it was set does not keep all that follows there."""
    journal = Journal(path, Bounds(10**6), Counts())
    assert journal.newest() is None
    journal.append([entry(begun=START + 10**12), entry(begun=START)])
    assert journal.newest() == (START + 59_000) / 1000
    journal.close()


def test_a_journal_of_another_version_is_named(path: Path) -> None:
    """It is never thrown away: a person decides to begin a new epoch."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE batch (sequence INTEGER PRIMARY KEY)")
    with pytest.raises(BadFile, match=r"another version; expected 1; .* wrote it send what waits .* then move it away"):
        opened(path)


def test_a_journal_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """It may be there again later: nothing is begun anew."""
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(BadFile, match="cannot be opened"):
        opened(tmp_path / "journal.db")


@pytest.mark.requirement("agent.key.made-once")
def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """The same at every start."""
    key = load_or_make_key(tmp_path).public_key()
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert load_or_make_key(tmp_path).public_key() == key
    assert [p.name for p in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize(
    ("mode", "content", "expected"),
    [(0o640, None, "others may read it"), (0o600, b"-----BEGIN", "expected an Ed25519 or P-256 private key in PEM")],
)
def test_a_key_that_cannot_be_used_is_named(tmp_path: Path, mode: int, content: bytes | None, expected: str) -> None:
    """A new one would be a stranger to the server."""
    load_or_make_key(tmp_path)
    if content:
        (tmp_path / KEY_FILE).write_bytes(content)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(BadFile, match=expected):
        load_or_make_key(tmp_path)
