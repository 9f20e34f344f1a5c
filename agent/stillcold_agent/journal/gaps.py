"""What the journal has lost: kept beside the batches, and told in each new one until the server has one of them."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from stillcold_core.contract.losses import Gap

MOST_TOLD = 64
"""Gap records in a batch; what is more waits for the next ones."""
_SAME_PLACE = """
SELECT id, begun, ended, points FROM gap
WHERE epoch IS :epoch AND reason = :reason AND first = :first AND until = :until
"""
_JUST_BELOW = """
SELECT id, begun, ended, points FROM gap
WHERE epoch IS :epoch AND reason = :reason AND first <= until AND until = :first - 1
"""

_NOT_KEPT = """
SELECT begin, until FROM (
    SELECT sequence + 1 AS begin, lead(sequence, 1, :until + 1) OVER (ORDER BY sequence) - 1 AS until FROM (
        SELECT :first - 1 AS sequence UNION ALL SELECT sequence FROM batch WHERE sequence BETWEEN :first AND :until)
) AS run
WHERE begin <= until AND NOT EXISTS (
    SELECT 1 FROM gap WHERE gap.epoch IS NULL AND gap.first <= run.begin AND gap.until >= run.until)
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was lost, and when it had been read.

    Attributes
    ----------
    reason : str
        A word of the wire's gap record.
    begun, ended : int or None
        ms since 1970: time of the first and last sample.
    points : tuple of str
        Whose samples they were.
    """

    reason: str
    begun: int | None = None
    ended: int | None = None
    points: tuple[str, ...] = ()

    def joined(self, other: "Loss") -> "Loss":
        """Both as one, under this one's reason."""
        begun = [t for t in (self.begun, other.begun) if t is not None]
        ended = [t for t in (self.ended, other.ended) if t is not None]
        points = tuple(sorted({*self.points, *other.points}))
        return Loss(self.reason, min(begun, default=None), max(ended, default=None), points)


def note_loss(db: sqlite3.Connection, loss: Loss, first: int, until: int, epoch: bytes | None = None) -> None:
    """Keep a loss to be told; it joins the one before it where their sequences meet and the reason is the same.

    Parameters
    ----------
    first, until : int
        Its sequences; ``until`` is ``first - 1`` where it has none.
    epoch : bytes, optional
        Of the sequences, where it is not this journal's.
    """
    query = _SAME_PLACE if until < first else _JUST_BELOW
    at = {"first": first, "until": until, "epoch": epoch, "reason": loss.reason}
    if row := db.execute(query, at).fetchone():
        loss = loss.joined(Loss(loss.reason, row[1], row[2], _split(row[3])))
        change = "UPDATE gap SET until = ?, begun = ?, ended = ?, points = ?, told = NULL WHERE id = ?"
        db.execute(change, (until, loss.begun, loss.ended, " ".join(loss.points), row[0]))
        return
    insert = "INSERT INTO gap (epoch, reason, first, until, begun, ended, points) VALUES (?, ?, ?, ?, ?, ?, ?)"
    db.execute(insert, (epoch, loss.reason, first, until, loss.begun, loss.ended, " ".join(loss.points)))


def note_gone(db: sqlite3.Connection, first: int, until: int) -> int:
    """Keep it to be told which of these sequences the journal does not keep any more; how many nobody was to be told.

    A sequence that was not reached yet is none of them.
    """
    last = db.execute("SELECT sequence FROM chain").fetchone()[0]
    runs = db.execute(_NOT_KEPT, {"first": max(first, 1), "until": min(until, last)}).fetchall()
    for run in runs:
        note_loss(db, Loss("gone"), *run)
    return sum(until - begin + 1 for begin, until in runs)


def to_tell(db: sqlite3.Connection) -> tuple[Gap, ...]:
    """The gap records that the next batch carries, oldest first."""
    query = "SELECT reason, first, until, epoch, begun, ended, points FROM gap ORDER BY id LIMIT ?"
    return tuple(
        Gap(reason, first, until, epoch, begun, ended, _split(points))
        for reason, first, until, epoch, begun, ended, points in db.execute(query, (MOST_TOLD,))
    )


def note_told(db: sqlite3.Connection, sequence: int) -> None:
    """The batch with this sequence carries them, as those after it do until :func:`forget_heard`."""
    query = "UPDATE gap SET told = ? WHERE told IS NULL AND id IN (SELECT id FROM gap ORDER BY id LIMIT ?)"
    db.execute(query, (sequence, MOST_TOLD))


def forget_heard(db: sqlite3.Connection, sequences: Iterable[int]) -> None:
    """The server has these batches, and so all that the newest of them told."""
    db.execute("DELETE FROM gap WHERE told <= ?", (max(sequences),))


def _split(points: str) -> tuple[str, ...]:
    return tuple(points.split())
