"""A journal that cannot be read any more, and one that cannot be written for a while."""

import contextlib
import errno
import sqlite3
from pathlib import Path

import pytest

from stillcold_agent.counts import Counts
from stillcold_agent.journal import database, store
from stillcold_agent.journal.database import aside_path
from stillcold_agent.journal.entries import Bounds, Link
from stillcold_agent.journal.store import Journal
from stillcold_core.contract.losses import Gap
from stillcold_core.evidence.envelope import GENESIS
from support.journals import START, entry, envelope, fill, next_link


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def opened(path: Path) -> tuple[Journal, Counts]:
    counts = Counts()
    return Journal(path, Bounds(10**9), counts), counts


def spoil(path: Path, first_page: int) -> None:
    """Overwrite a closed database from a page on."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * first_page)
        file.write(b"\xa5" * (size - 4096 * first_page))


@pytest.mark.requirement("agent.journal.damaged")
@pytest.mark.parametrize("content", [b"SQLite format 3\0" + b"x" * 4000, b"no database at all" * 100])
def test_a_damaged_journal_is_set_aside_and_said(path: Path, content: bytes) -> None:
    """A new epoch begins with a gap record; somebody may look at the old file."""
    path.write_bytes(content)
    journal, counts = opened(path)
    assert next_link(journal) == Link(journal.epoch, 1, GENESIS, (Gap("damaged", 1, 0),))
    assert aside_path(path).read_bytes() == content
    assert counts.totals() == {"journal_begun": 1}
    epoch = journal.epoch
    journal.close()
    journal, counts = opened(path)
    assert (journal.epoch, counts.totals()) == (epoch, {})
    journal.close()


@pytest.mark.requirement("agent.journal.damaged")
def test_damage_that_is_met_at_work_begins_a_new_epoch(path: Path) -> None:
    """What is asked fails once. The record names the old epoch, as its first page can still be read."""
    journal, _ = opened(path)
    fill(journal, 50, size=3000)
    old = journal.epoch
    journal.close()
    spoil(path, 12)
    journal, counts = opened(path)
    with pytest.raises(sqlite3.DatabaseError):
        journal.pending(50)
    assert journal.pending(50) == []
    link = next_link(journal)
    assert (link.sequence, link.previous, link.gaps) == (1, GENESIS, (Gap("damaged", 1, 50, old),))
    assert link.epoch == journal.epoch != old
    assert counts.totals() == {"journal_begun": 1}
    assert journal.stats().depth == 1
    journal.close()


@pytest.mark.requirement("agent.journal.damaged")
def test_a_disk_that_fails_just_after_a_damaged_journal_was_replaced_costs_neither(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked fails as on any disk that fails, and the old file is not given up for the new one."""

    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    journal, _ = opened(path)
    fill(journal, 50, size=3000)
    old = journal.epoch
    journal.close()
    spoil(path, 12)
    pages = path.read_bytes()[4096:]  # opening it writes to the first one
    journal, counts = opened(path)
    with pytest.raises(sqlite3.DatabaseError):
        journal.pending(50)
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(store, "open_database", fail)
            with pytest.raises(sqlite3.OperationalError):
                journal.append([entry(envelope)])
    assert next_link(journal).gaps == (Gap("damaged", 1, 50, old),)
    assert aside_path(path).read_bytes()[4096:] == pages
    assert counts.totals() == {"journal_begun": 1}
    journal.close()


@pytest.mark.requirement("agent.journal.damaged")
def test_a_power_cut_while_a_damaged_journal_is_replaced_leaves_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever of its steps: never the old log beside the new database, never a second beginning."""
    for steps in range(4):
        path.write_bytes(b"no database at all" * 100)
        taken: list[Path] = []
        replace = Path.replace

        def cut(self: Path, target: Path, steps: int = steps, taken: list[Path] = taken) -> Path:
            if len(taken) == steps:
                raise KeyboardInterrupt  # nothing catches it
            taken.append(self)
            return replace(self, target)  # noqa: B023

        with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
            patched.setattr(Path, "replace", cut)
            opened(path)[0].close()
        assert len(taken) == min(steps, 2)
        if not path.exists():
            path.with_name("journal.db-wal").write_bytes(b"a log of the old database")
        journal, _ = opened(path)
        assert next_link(journal) == Link(journal.epoch, 1, GENESIS, (Gap("damaged", 1, 0),))
        assert aside_path(path).read_bytes() == b"no database at all" * 100
        journal.close()


@pytest.mark.requirement("agent.journal.damaged")
def test_a_batch_that_is_not_what_was_written_is_given_up_and_said(path: Path) -> None:
    """The others are sent: the server could not verify it, and would never acknowledge it."""
    journal, counts = opened(path)
    fill(journal, 3)
    journal._db.execute("UPDATE batch SET envelope = ? WHERE sequence = 2", (b"x" * 100,))
    assert [k.sequence for k in journal.pending(9)] == [1, 3]
    assert next_link(journal).gaps == (Gap("damaged", 2, 2, None, START, START + 59_000, ("p1",)),)
    assert counts.totals() == {"journal_damaged": 1}
    journal.close()


@pytest.mark.requirement("agent.journal.damaged")
def test_a_damaged_journal_on_a_full_disk_waits_for_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays where it is until a new one can be written."""
    journal, counts = opened(path)
    fill(journal, 50, size=3000)
    journal.close()
    spoil(path, 12)
    journal, counts = opened(path)

    def full(_: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(database, "open_database", full)
        for _ in range(3):
            with pytest.raises(sqlite3.DatabaseError):
                journal.pending(50)
        assert not aside_path(path).exists()
    assert next_link(journal).sequence == 1
    assert aside_path(path).exists()
    assert counts.totals() == {"journal_begun": 1}
    journal.close()
