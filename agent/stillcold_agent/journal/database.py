"""The journal's database: what it commits outlives a power cut, and a damaged one makes room for a new one."""

import contextlib
import functools
import os
import sqlite3
from pathlib import Path

from stillcold_agent.journal.gaps import Loss, note_loss
from stillcold_core.evidence.envelope import GENESIS
from stillcold_core.files import BadFile
from stillcold_core.whole import sync_folder

FORMAT = 1
SYNCHRONOUS = "FULL"
"""A commit is forced to the disk (https://sqlite.org/pragma.html#pragma_synchronous)."""
_ENDS = ("", "-wal", "-shm")
"""Of the names of a database's files."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain (one INTEGER PRIMARY KEY CHECK (one = 1), epoch BLOB NOT NULL,
                                  sequence INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (sequence INTEGER PRIMARY KEY, state INTEGER NOT NULL, importance INTEGER NOT NULL,
                                  size INTEGER NOT NULL, written INTEGER NOT NULL, dated INTEGER,
                                  begun INTEGER NOT NULL, ended INTEGER NOT NULL, points TEXT NOT NULL,
                                  reason TEXT NOT NULL DEFAULT '', hash BLOB NOT NULL, envelope BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS batch_worth ON batch (state DESC, importance, sequence, size);
CREATE INDEX IF NOT EXISTS batch_pending ON batch (sequence) WHERE state = 0;
CREATE INDEX IF NOT EXISTS batch_undated ON batch (sequence) WHERE dated IS NULL;
CREATE TABLE IF NOT EXISTS gap (id INTEGER PRIMARY KEY, epoch BLOB, reason TEXT NOT NULL, first INTEGER NOT NULL,
                                until INTEGER NOT NULL, begun INTEGER, ended INTEGER, points TEXT NOT NULL,
                                told INTEGER);
CREATE TABLE IF NOT EXISTS signer (one INTEGER PRIMARY KEY CHECK (one = 1), key TEXT NOT NULL);
"""


class Transaction:
    """One transaction that takes the write lock at its beginning.

    Parameters
    ----------
    db : sqlite3.Connection
        Where.
    forced : bool
        Whether it is on the disk when it ends. One that is not is forced there with the next one that is: a power cut
        in between takes it back as a whole, and only it.
    """

    def __init__(self, db: sqlite3.Connection, *, forced: bool = True) -> None:
        self._db, self._forced = db, forced

    def __enter__(self) -> None:
        if not self._forced:
            self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:  # it broke off, or the disk did not take the commit
                self._db.execute("ROLLBACK")
            if not self._forced:
                self._db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")


def open_database(path: Path) -> sqlite3.Connection:
    """The database, made, with a new epoch, where there is none.

    Raises
    ------
    sqlite3.Error
        When it cannot be opened.
    BadFile
        When it is of another version.
    """
    if not path.exists() and _draft_path(path).exists():
        _swap(path)  # the power went while a damaged one was replaced; its log must not be read into the new one
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    sync_folder(path.parent)
    return db


class Damaged(sqlite3.DatabaseError):
    """What can be read cannot have been written."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file cannot be read any more, and trying again would not help."""
    return isinstance(error, Damaged) or (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _DAMAGE


def read_chain(db: sqlite3.Connection) -> tuple[bytes, int]:
    """Epoch and last sequence.

    Raises
    ------
    Damaged
        When there are none.
    """
    match db.execute("SELECT epoch, sequence FROM chain").fetchone():
        case (bytes(epoch), int(sequence)) if len(epoch) == 8 and sequence >= 0:
            return epoch, sequence
    raise Damaged("the chain's last link is gone")


def take_signer(db: sqlite3.Connection, signer: str) -> int | None:
    """Note whose key signs the batches of a journal; where another's has, begin a new epoch that tells of the old one.

    Returns
    -------
    int or None
        How many batches that waited are given up, since the server believes the other key no more; None where it is
        the same one.
    """
    with Transaction(db):
        before = db.execute("SELECT key FROM signer").fetchone()
        db.execute("INSERT OR REPLACE INTO signer VALUES (1, ?)", (signer,))
        if before is None or before[0] == signer:
            return None
        return _begin_epoch(db)


def renew(path: Path) -> None:
    """Move a damaged database out of the way, for somebody to look at, and put a new one there that tells of it.

    What was set aside before is given up. The new one is complete before the old one is touched.

    Raises
    ------
    sqlite3.Error
        When there is no room for it; nothing has changed then.
    """
    draft = _draft_path(path)
    epoch, last = _chain_of(path) or (None, 0)
    try:
        _remove(draft)
        with contextlib.closing(open_database(draft)) as db, Transaction(db):
            note_loss(db, Loss("damaged"), 1, last, epoch)
        _remove(aside_path(path))
        _swap(path)
    except OSError as error:
        raise sqlite3.OperationalError(f"the damaged journal cannot be set aside: {error}") from error


def aside_path(path: Path) -> Path:
    """Where a damaged database lies."""
    return path.with_name(path.stem + "-damaged" + path.suffix)


def _begin_epoch(db: sqlite3.Connection) -> int:
    """A new one in the same database, without the batches of the old one; how many of them waited."""
    epoch, last = read_chain(db)
    waiting = db.execute("SELECT begun, ended, points FROM batch WHERE state = 0").fetchall()
    db.execute("DELETE FROM batch")
    db.execute("UPDATE chain SET epoch = ?, sequence = 0, hash = ?", (os.urandom(8), GENESIS))
    db.execute("UPDATE gap SET epoch = coalesce(epoch, ?), told = NULL", (epoch,))
    if last:
        losses = (Loss("rekeyed", begun, ended, tuple(points.split())) for begun, ended, points in waiting)
        note_loss(db, functools.reduce(Loss.joined, losses, Loss("rekeyed")), 1, last, epoch)
    return len(waiting)


def _chain_of(path: Path) -> tuple[bytes, int] | None:
    """The chain of a damaged database, where it can still be read."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as db:
            return read_chain(db)
    except sqlite3.Error:
        return None


def _draft_path(path: Path) -> Path:
    return path.with_name(path.stem + "-new" + path.suffix)


def _swap(path: Path) -> None:
    """Move what lies at the path aside, the database first, and the draft there."""
    for end in _ENDS:
        if _beside(path, end).exists():
            _beside(path, end).replace(_beside(aside_path(path), end))
    _draft_path(path).replace(path)
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    for end in _ENDS:
        _beside(path, end).unlink(missing_ok=True)


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    # secure_delete would write zeros over what is deleted, which only wears the card.
    pragmas = ("journal_mode = WAL", f"synchronous = {SYNCHRONOUS}", "secure_delete = OFF", "cache_size = -256")
    for pragma in (*pragmas, "busy_timeout = 10000"):
        db.execute(f"PRAGMA {pragma}")
    with Transaction(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT and (version or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]):
            right = (
                f"expected {FORMAT}; let the agent that wrote it send what waits in it, or give that up; "
                "then move it away, and a new epoch begins"
            )
            raise BadFile(path, f"is a journal of another version; {right}", field="user_version", value=version)
        for statement in (*_SCHEMA.split(";"), f"PRAGMA user_version = {FORMAT}"):
            db.execute(statement)
        db.execute("INSERT OR IGNORE INTO chain VALUES (1, ?, 0, ?)", (os.urandom(8), GENESIS))
