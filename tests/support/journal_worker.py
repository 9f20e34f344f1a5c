"""A process that works on a journal, and says in ``marks`` beside it what it has been promised.

``journal_worker.py FOLDER BATCHES SYNCHRONOUS SEED``: each mark is a line of JSON that is written after an append or a
settlement has returned, or before a settlement is asked for.
"""

import functools
import json
import os
import random
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from stillcold_agent.counts import Counts
from stillcold_agent.journal import database
from stillcold_agent.journal.entries import Bounds
from stillcold_agent.journal.gaps import Loss
from stillcold_agent.journal.store import Journal
from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.evidence.envelope import digest
from support.journals import entry, envelope


class Marks:
    """The file of marks."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._at = path.read_bytes().rfind(b"\n") + 1  # a line that was cut short is written over

    def add(self, **said: object) -> None:
        """One more."""
        line = json.dumps(said).encode() + b"\n"
        while True:
            try:
                self._at += os.pwrite(self._file, line, self._at)
            except OSError:
                continue  # the disk that fails is not what is tested here
            return


def work(folder: Path, batches: int, chance: random.Random) -> dict[str, int]:
    """Append in groups of one to four and settle some; what failed is tried again. What was counted."""
    marks, counts, losses = Marks(folder / "marks"), Counts(), 0
    journal = opened(folder / "journal.db", counts)
    marks.add(epoch=journal.epoch.hex())
    done = 0
    while done < batches:
        size, together = chance.randint(100, 6000), chance.randint(1, 4)
        loss = [Loss("disk_error", done, done + 1, (f"p{losses}",))] if chance.random() < 0.05 else []
        try:
            kept = journal.append([entry(functools.partial(envelope, size=size))] * together, loss)
        except sqlite3.Error:
            counts.add("journal_error")
            continue
        done, losses = done + together, losses + len(loss)
        made = {k.sequence for k in kept}
        read = {k.sequence: digest(k.envelope) for k in journal.pending(10**6) if k.sequence in made}
        marks.add(appended={s: read[s].hex() for s in made}, losses=losses)
        if chance.random() < 0.3:
            settle(journal, marks, counts, chance)
    journal.close()
    return counts.totals()


def settle(journal: Journal, marks: Marks, counts: Counts, chance: random.Random) -> None:
    """The server acknowledges some of what waits."""
    waiting = journal.pending(10)
    some = chance.sample(waiting, chance.randint(0, len(waiting)))
    marks.add(settling=[k.sequence for k in some])
    try:
        journal.settle([Acknowledgement(journal.epoch, {k.sequence: digest(k.envelope) for k in some})])
    except sqlite3.Error:
        counts.add("journal_error")
        return
    marks.add(settled=[k.sequence for k in some])


def opened(path: Path, counts: Counts) -> Journal:
    """The journal, whose log is taken over into its database often."""
    while True:
        try:
            journal = Journal(path, Bounds(10**9), counts)
            journal._db.execute("PRAGMA wal_autocheckpoint = 30")
        except (ValueError, sqlite3.Error):
            counts.add("journal_error")
            continue
        return journal


if __name__ == "__main__":
    database.SYNCHRONOUS = sys.argv[3]
    print(json.dumps(work(Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[4])))))
