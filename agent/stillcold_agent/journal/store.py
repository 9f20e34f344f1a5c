"""The journal: signed batches in SQLite, each written to the disk before anybody hears of it.

Sequence, previous hash and envelope of a batch come into being in one transaction, so the chain has no hole and no fork
wherever the process or the power ends. What is dropped is told in the batches that follow.
"""

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from stillcold_agent.boot import clock_is_synchronised
from stillcold_agent.counts import Counts, Reason
from stillcold_agent.journal.database import (
    Transaction,
    aside_path,
    is_damage,
    open_database,
    read_chain,
    renew,
    take_signer,
)
from stillcold_agent.journal.entries import Bounds, Entry, Kept, Link
from stillcold_agent.journal.gaps import Loss, forget_heard, note_gone, note_loss, note_told, to_tell
from stillcold_agent.journal.stats import JournalStats, written_kb
from stillcold_core.contract.messages import Acknowledgement, ReplayRequest
from stillcold_core.evidence.envelope import digest
from stillcold_core.files import BadFile

log = logging.getLogger(__name__)
JOURNAL_FILE = "journal.db"
PENDING, REFUSED, STORED = 0, 1, 2
"""The server has said nothing of it; it will never take it; it has it."""
_DAY = 86_400_000  # ms
_DROP_LEAST = """
DELETE FROM batch WHERE sequence = (SELECT sequence FROM batch ORDER BY state DESC, importance, sequence LIMIT 1)
RETURNING state, size, sequence, begun, ended, points
"""
_DROP_AGED = """
DELETE FROM batch
WHERE dated < ? AND sequence = (SELECT min(sequence) FROM batch WHERE state = ? AND importance = ?)
RETURNING state, size, sequence, begun, ended, points
"""
_DROP_ONE = "DELETE FROM batch WHERE sequence = ? RETURNING state, size, sequence, begun, ended, points"
# The planner would rather sort what the other index gives.
_PENDING = """
SELECT sequence, hash, envelope FROM batch INDEXED BY batch_pending
WHERE state = 0 AND sequence NOT IN ({}) ORDER BY sequence LIMIT ?
"""
_LATEST = """
SELECT sequence, envelope FROM batch INDEXED BY batch_worth
WHERE state = 0 AND importance >= ? AND sequence > ? ORDER BY sequence DESC LIMIT ?
"""
_LAST = "SELECT ended FROM batch ORDER BY sequence DESC LIMIT 1"
_OLDEST = "SELECT written FROM batch INDEXED BY batch_pending WHERE state = 0 ORDER BY sequence LIMIT 1"
_TOTALS = """
SELECT coalesce(sum(state = :pending), 0), coalesce(sum(size) FILTER (WHERE state = :pending), 0),
       coalesce(sum(size) FILTER (WHERE state <> :pending), 0) FROM batch
"""
_REASONS: dict[str, list[Reason]] = {
    "full": ["journal_full"],
    "age": ["journal_age"],
    "damaged": ["journal_damaged"],
    "disk_error": ["keeper_full", "keeper_stopped"],
}
"""Counts of lost batches, by the gap record's reason."""


@dataclass(slots=True)
class _Totals:
    """Batches that wait, and bytes of those and of the others."""

    pending: int
    pending_bytes: int
    other_bytes: int


class Journal:
    """What this gateway has signed, until the server has it and for some days after. Safe to use from several threads.

    Parameters
    ----------
    path : Path
        The database; made, with a new epoch, where there is none. A damaged one is set aside, whenever that is found,
        and a new epoch begins.
    bounds : Bounds
        What it may hold.
    counts : Counts
        ``journal_full``, ``journal_age`` and ``journal_damaged`` count batches lost by that reason, ``journal_begun``
        the times that a damaged journal was begun anew, ``ack_hash`` acknowledgements of another envelope than ours,
        ``refused_by_server`` batches that the server will never take and ``replayed`` those that it asked for again;
        ``journal_rekeyed`` those that were given up because the gateway has another key now.
    signer : str, optional
        Text form of the public key that verifies what is added; where another one has signed, a new epoch begins.

    Raises
    ------
    BadFile
        When the file cannot be opened, or is of another version.
    """

    def __init__(self, path: Path, bounds: Bounds, counts: Counts, signer: str | None = None) -> None:
        self._path, self._bounds, self._counts, self._signer = path, bounds, counts, signer
        self._lock = threading.Lock()
        self._ack_lag: float | None = None
        self._broken: sqlite3.Error | None = None
        self._shut = True
        self._lost: Counter[str] = Counter()  # in the transaction at work
        try:
            self._open()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise BadFile(path, f"cannot be opened ({error}); expected a journal, or room for one") from error
            self._begin_anew(error)

    @property
    def epoch(self) -> bytes:
        """8 random bytes that name this journal."""
        return self._epoch

    def append(self, entries: Sequence[Entry], losses: Sequence[Loss] = ()) -> list[Kept]:
        """Add batches, all or none, and give them once they are on the disk.

        Parameters
        ----------
        entries : sequence of Entry
            In order.
        losses : sequence of Loss
            What was lost before it could become a batch.

        Raises
        ------
        sqlite3.Error
            When they could not be written; nothing has changed then.
        """
        with self._work():
            next_one = self._db.execute("SELECT sequence + 1 FROM chain").fetchone()[0]
            for loss in losses:
                note_loss(self._db, loss, next_one, next_one - 1)
            return [self._add(entry) for entry in entries]

    def pending(self, limit: int, skip: Collection[int] = ()) -> list[Kept]:
        """The first batches that the server has said nothing of, in order, without those with a sequence of ``skip``.

        One that is not any more what was written is given up: the server could not verify it.
        """
        query = _PENDING.format(", ".join("?" * len(skip)))
        with self._reading():
            rows = self._db.execute(query, (*skip, limit)).fetchall()
        good = [Kept(s, envelope) for s, hash_, envelope in rows if envelope and digest(envelope) == hash_]
        if len(good) < len(rows):
            self._give_up({row[0] for row in rows} - {k.sequence for k in good})
        return good

    def newest(self) -> float | None:
        """UTC, s, of the sample that was written last; None where it holds none.

        One before it may be dated later: the clock was wrong then, and has been set since.
        """
        with self._reading():
            row = self._db.execute(_LAST).fetchone()
        return row[0] / 1000 if row else None

    def latest(self, importance: int, after: int, limit: int) -> list[Kept]:
        """The newest batches of so much importance or more that the server has said nothing of, in order.

        Only those with a sequence above ``after``.
        """
        with self._reading():
            rows = self._db.execute(_LATEST, (importance, after, limit)).fetchall()
        return [Kept(*row) for row in reversed(rows)]

    def count_pending(self) -> int:
        """How many batches the server has said nothing of."""
        return self._totals.pending

    def stats(self) -> JournalStats:
        """What it holds, and what became of the rest."""
        with self._reading():
            oldest = self._db.execute(_OLDEST).fetchone()
            totals = replace(self._totals)
        counted = self._counts.totals()
        dropped = {reason: sum(counted.get(name, 0) for name in names) for reason, names in _REASONS.items()}
        return JournalStats(
            depth=totals.pending,
            bytes=totals.pending_bytes,
            kept_bytes=totals.other_bytes,
            oldest=oldest and oldest[0] / 1000,
            written_kb=written_kb(),
            dropped={reason: count for reason, count in dropped.items() if count},
            ack_lag=self._ack_lag,
        )

    def settle(self, acks: Sequence[Acknowledgement]) -> set[int]:
        """Note what the server has on disk and what it refused, and give the sequences of which nothing is to be sent.

        A batch counts as stored only when the acknowledged hash is its own; an acknowledgement of another epoch is none
        of ours. It is not forced to the disk, which would make new batches wait: of what a power cut takes back, the
        batches are sent again, and acknowledged again.

        Raises
        ------
        sqlite3.Error
            When it could not be noted; nothing has changed then.
        """
        ours = [ack for ack in acks if ack.epoch == self._epoch]
        if not ours:
            return set()
        with self._work(forced=False):
            stored = {s: self._note_stored(s, hash_) for ack in ours for s, hash_ in ack.stored.items()}
            refused = {s for ack in ours for s, reason in ack.refused.items() if self._note_refused(s, reason)}
            if heard := [s for s, found in stored.items() if found == "ours"]:
                forget_heard(self._db, heard)
        return {s for s, found in stored.items() if found != "another"} | refused

    def replay(self, request: ReplayRequest) -> int:
        """Treat kept batches as if the server had never had them; how many.

        Those that are not kept any more are told in a gap record: the server would wait for them for ever.

        Raises
        ------
        sqlite3.Error
            When it could not be noted; nothing has changed then.
        """
        if request.epoch != self._epoch:
            return 0
        query = "UPDATE batch SET state = ? WHERE state = ? AND sequence BETWEEN ? AND ?"
        with self._work():
            count = sum(self._db.execute(query, (PENDING, STORED, *r)).rowcount for r in request.ranges)
            gone = sum(note_gone(self._db, *r) for r in request.ranges)
            self._totals = self._count()
        self._counts.add("replayed", count)
        if gone:
            log.error("the server asks for %d batches that are not kept any more", gone)
        return count

    def expire(self) -> None:
        """Drop what is older than the bounds allow, as far as the wall clock could and can be trusted.

        Raises
        ------
        sqlite3.Error
            When it could not be noted; nothing has changed then.
        """
        if not clock_is_synchronised():
            return
        now, days = _now(), {STORED: self._bounds.keep_days}
        with self._work():
            self._db.execute("UPDATE batch SET dated = ? WHERE dated IS NULL", (now,))
            for state, importance in self._db.execute("SELECT DISTINCT state, importance FROM batch").fetchall():
                eldest = now - days.get(state, self._bounds.max_days) * _DAY
                while row := self._db.execute(_DROP_AGED, (eldest, state, importance)).fetchone():
                    self._dropped(row, "age")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def _open(self) -> None:
        try:
            self._db = open_database(self._path)
        except OSError as error:
            raise sqlite3.OperationalError(f"the journal cannot be opened: {error}") from error
        self._shut = False
        if self._signer and (given_up := take_signer(self._db, self._signer)) is not None:
            self._counts.add("journal_rekeyed", given_up)
            log.error("this gateway has another key: a new epoch begins, %d batches that waited are given up", given_up)
        self._epoch, _ = read_chain(self._db)
        self._totals = self._count()

    def _begin_anew(self, error: sqlite3.Error) -> None:
        """Set the damaged database aside, and go on with a new epoch that tells what may be lost of the old one."""
        renew(self._path)
        self._broken, self._shut = None, True  # whatever fails from here on, nothing is set aside again
        self._counts.add("journal_begun")
        log.error(
            "the journal is damaged (%s): it is kept as %s, and a new epoch begins", error, aside_path(self._path)
        )
        self._open()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """The lock. Where damage is met, what was asked fails, and the journal is begun anew when next asked."""
        with self._lock:
            if self._broken:
                self._begin_anew(self._broken)
            elif self._shut:
                self._open()
            try:
                yield
            except sqlite3.Error as error:
                if is_damage(error):
                    self._broken = error
                    self._db.close()
                raise

    @contextmanager
    def _work(self, *, forced: bool = True) -> Iterator[None]:
        """The lock and one transaction; what it counted holds only when it is committed."""
        with self._reading():
            totals = replace(self._totals)
            self._lost.clear()
            try:
                with Transaction(self._db, forced=forced):
                    yield
            except BaseException:
                self._totals = totals
                raise
            for reason, count in self._lost.items():
                total = self._counts.add(_REASONS[reason][0], count)
                log.error("batches are lost (%s): %d, %d so far", reason, count, total)

    def _count(self) -> _Totals:
        return _Totals(*self._db.execute(_TOTALS, {"pending": PENDING}).fetchone())

    def _add(self, entry: Entry) -> Kept:
        sequence, previous = self._db.execute("SELECT sequence + 1, hash FROM chain").fetchone()
        envelope = entry.make(Link(self._epoch, sequence, previous, to_tell(self._db)))
        note_told(self._db, sequence)
        self._make_room(len(envelope))
        hash_, now = digest(envelope), _now()
        row = (sequence, PENDING, entry.importance, len(envelope), now, now if clock_is_synchronised() else None)
        insert = "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)"
        self._db.execute(insert, (*row, entry.begun, entry.ended, " ".join(entry.points), hash_, envelope))
        self._db.execute("UPDATE chain SET sequence = ?, hash = ?", (sequence, hash_))
        self._totals.pending += 1
        self._totals.pending_bytes += len(envelope)
        return Kept(sequence, envelope)

    def _make_room(self, size: int) -> None:
        while self._totals.pending_bytes + self._totals.other_bytes + size > self._bounds.max_bytes:
            row = self._db.execute(_DROP_LEAST).fetchone()
            if row is None:
                break
            self._dropped(row, "full")

    def _give_up(self, sequences: set[int]) -> None:
        with self._work():
            for sequence in sequences:
                if row := self._db.execute(_DROP_ONE, (sequence,)).fetchone():
                    self._dropped(row, "damaged")

    def _dropped(self, row: tuple[int, int, int, int, int, str], reason: str) -> None:
        """A batch has left the journal: a loss to be told, unless the server has it."""
        state, size, sequence, begun, ended, points = row
        if state == PENDING:
            self._totals.pending -= 1
            self._totals.pending_bytes -= size
        else:
            self._totals.other_bytes -= size
        if state != STORED:
            note_loss(self._db, Loss(reason, begun, ended, tuple(points.split())), sequence, sequence)
            self._lost[reason] += 1

    def _note_stored(self, sequence: int, hash_: bytes) -> Literal["ours", "gone", "another"]:
        """What the acknowledged batch is: one of ours, one that was dropped meanwhile, or another than ours."""
        query = "SELECT state, hash, size, written FROM batch WHERE sequence = ?"
        row = self._db.execute(query, (sequence,)).fetchone()
        if row is None:
            return "gone"
        state, ours, size, written = row
        if ours != hash_:
            self._counts.add("ack_hash")
            log.error("the server has another batch %d than ours; ours is kept", sequence)
            return "another"
        if state != STORED:
            now = _now()
            dated = now if clock_is_synchronised() else None
            self._db.execute("UPDATE batch SET state = ?, dated = ? WHERE sequence = ?", (STORED, dated, sequence))
            self._ack_lag = max(now - written, 0) / 1000
        if state == PENDING:
            self._settled(size)
        return "ours"

    def _note_refused(self, sequence: int, reason: str) -> bool:
        query = "UPDATE batch SET state = ?, reason = ? WHERE sequence = ? AND state = ? RETURNING size"
        row = self._db.execute(query, (REFUSED, reason, sequence, PENDING)).fetchone()
        if row is not None:
            self._settled(row[0])
            self._counts.add("refused_by_server")
            log.error("the server refused batch %d (%s); it is kept and not sent again", sequence, reason)
        return row is not None

    def _settled(self, size: int) -> None:
        self._totals.pending -= 1
        self._totals.pending_bytes -= size
        self._totals.other_bytes += size


def _now() -> int:
    """UTC, ms."""
    return time.time_ns() // 1_000_000
