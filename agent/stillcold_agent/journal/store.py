"""The journal: signed batches in SQLite, each written to the disk before anybody hears of it.

Sequence, previous hash and envelope of a batch come into being in one transaction, so the chain has no hole and no fork
wherever the process or the power ends.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from stillcold_agent.counts import Counts
from stillcold_agent.journal.stats import JournalStats, written_kb
from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.evidence.envelope import GENESIS, digest
from stillcold_core.files import BadFile

log = logging.getLogger(__name__)
JOURNAL_FILE = "journal.db"
PENDING, REFUSED = 0, 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain (one INTEGER PRIMARY KEY CHECK (one = 1), epoch BLOB NOT NULL,
                                  sequence INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (sequence INTEGER PRIMARY KEY, hash BLOB NOT NULL, envelope BLOB NOT NULL,
                                  state INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '', written INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS batch_state ON batch (state DESC, sequence);
"""

_DROP_OLDEST = """
DELETE FROM batch WHERE sequence = (SELECT sequence FROM batch ORDER BY state DESC, sequence LIMIT 1)
RETURNING length(envelope)
"""
_STATS = """
SELECT count(*) FILTER (WHERE state = :pending), coalesce(sum(length(envelope)) FILTER (WHERE state = :pending), 0),
       coalesce(sum(length(envelope)) FILTER (WHERE state <> :pending), 0),
       min(written) FILTER (WHERE state = :pending) FROM batch
"""


@dataclass(frozen=True, slots=True)
class Link:
    """What the next batch must carry to join the chain."""

    epoch: bytes
    sequence: int
    previous: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch in the journal."""

    sequence: int
    envelope: bytes


class Journal:
    """What this gateway has signed and the server has not acknowledged. Safe to use from several threads.

    Parameters
    ----------
    path : Path
        The database; made, with a new epoch, where there is none.
    max_bytes : int
        Of envelopes. When they would be more, the oldest are dropped, refused ones first.
    counts : Counts
        ``journal_full`` counts dropped batches, ``ack_hash`` acknowledgements of another envelope than ours, and
        ``refused_by_server`` batches that the server will never take.

    Raises
    ------
    BadFile
        When the file is no journal, or is damaged.
    """

    def __init__(self, path: Path, max_bytes: int, counts: Counts) -> None:
        self._max_bytes, self._counts = max_bytes, counts
        self._lock = threading.Lock()
        self._ack_lag: float | None = None
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._open()
        except sqlite3.DatabaseError as error:
            right = "expected a journal; move it away to begin a new epoch"
            raise BadFile(path, f"cannot be used ({error}); {right}") from error

    @property
    def epoch(self) -> bytes:
        """8 random bytes that name this journal."""
        return self._epoch

    def append(self, make: Callable[[Link], bytes]) -> int:
        """Add a batch, and give its sequence once it is on the disk.

        Parameters
        ----------
        make : callable
            Gives the signed envelope that carries the link.

        Raises
        ------
        sqlite3.Error
            When it could not be written; nothing has changed then.
        """
        with self._lock:
            with self._transaction():
                sequence, previous = self._db.execute("SELECT sequence + 1, hash FROM chain").fetchone()
                envelope = make(Link(self._epoch, sequence, previous))
                dropped, freed = self._make_room(len(envelope))
                self._insert(sequence, envelope)
            self._bytes += len(envelope) - freed
        if dropped:
            total = self._counts.add("journal_full", dropped)
            log.error("the journal is full: dropped the %d oldest batches, %d so far", dropped, total)
        return int(sequence)

    def pending(self, after: int, limit: int) -> list[Kept]:
        """The first batches with a sequence above ``after`` that the server has said nothing of, in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT sequence, envelope FROM batch WHERE state = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                (PENDING, after, limit),
            ).fetchall()
        return [Kept(*row) for row in rows]

    def count_pending(self) -> int:
        """How many batches the server has said nothing of."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM batch WHERE state = ?", (PENDING,)).fetchone()[0])

    def stats(self) -> JournalStats:
        """What it holds, and what became of the rest."""
        with self._lock:
            row = self._db.execute(_STATS, {"pending": PENDING}).fetchone()
        return JournalStats(
            depth=row[0],
            bytes=row[1],
            kept_bytes=row[2],
            oldest=None if row[3] is None else row[3] / 1000,
            written_kb=written_kb(),
            dropped={"full": full} if (full := self._counts.totals().get("journal_full", 0)) else {},
            ack_lag=self._ack_lag,
        )

    def settle(self, ack: Acknowledgement) -> set[int]:
        """Forget what the server has on disk, keep aside what it refused, and give the sequences that were settled.

        A batch is forgotten only when the acknowledged hash is its own; an acknowledgement of another epoch is none of
        ours.
        """
        if ack.epoch != self._epoch:
            return set()
        with self._lock:
            with self._transaction():
                freed = {s: self._forget(s, hash_) for s, hash_ in ack.stored.items()}
                refused = {s for s, reason in ack.refused.items() if self._set_aside(s, reason)}
            self._bytes -= sum(freed.values())
        return {s for s, size in freed.items() if size} | refused

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def _open(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000", "cache_size = -256"):
            self._db.execute(f"PRAGMA {pragma}")
        with self._transaction():
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute("INSERT OR IGNORE INTO chain VALUES (1, ?, 0, ?)", (os.urandom(8), GENESIS))
        self._epoch: bytes = self._db.execute("SELECT epoch FROM chain").fetchone()[0]
        self._bytes = self._total()

    def _transaction(self) -> AbstractContextManager[None]:
        return _Transaction(self._db)

    def _total(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(length(envelope)), 0) FROM batch").fetchone()[0])

    def _insert(self, sequence: int, envelope: bytes) -> None:
        hash_ = digest(envelope)
        self._db.execute(
            "INSERT INTO batch (sequence, hash, envelope, state, written) VALUES (?, ?, ?, ?, ?)",
            (sequence, hash_, envelope, PENDING, _now()),
        )
        self._db.execute("UPDATE chain SET sequence = ?, hash = ?", (sequence, hash_))

    def _make_room(self, size: int) -> tuple[int, int]:
        """Drop the oldest until ``size`` bytes fit: how many batches and bytes were dropped."""
        dropped = freed = 0
        while self._bytes - freed + size > self._max_bytes:
            row = self._db.execute(_DROP_OLDEST).fetchone()
            if row is None:
                break
            dropped, freed = dropped + 1, freed + row[0]
        return dropped, freed

    def _forget(self, sequence: int, hash_: bytes) -> int:
        """Bytes of the batch that was forgotten; 0 where there is none, or it is another."""
        query = "DELETE FROM batch WHERE sequence = ? AND hash = ? RETURNING length(envelope), written"
        if row := self._db.execute(query, (sequence, hash_)).fetchone():
            self._ack_lag = max(_now() - row[1], 0) / 1000
            return int(row[0])
        if self._db.execute("SELECT 1 FROM batch WHERE sequence = ?", (sequence,)).fetchone():
            self._counts.add("ack_hash")
            log.error("the server has another batch %d than ours; ours is kept", sequence)
        return 0

    def _set_aside(self, sequence: int, reason: str) -> bool:
        query = "UPDATE batch SET state = ?, reason = ? WHERE sequence = ? AND state = ?"
        changed = self._db.execute(query, (REFUSED, reason, sequence, PENDING)).rowcount
        if changed:
            self._counts.add("refused_by_server")
            log.error("the server refused batch %d (%s); it is kept and not sent again", sequence, reason)
        return bool(changed)


def _now() -> int:
    """UTC, ms."""
    return time.time_ns() // 1_000_000


class _Transaction:
    """One transaction that takes the write lock at its beginning."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:
            self._db.execute("ROLLBACK")
