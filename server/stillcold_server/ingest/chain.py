"""A gateway's chain of batches as it arrives: doubles, forks, gaps and broken links."""

from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, func, select

from stillcold_server.ingest.verify import Verified
from stillcold_server.store.schema import batch, chain_note

Place = Literal["new", "double", "fork"]


def place(connection: Connection, verified: Verified, now: int) -> Place:
    """Where a verified batch belongs, noting what is wrong with its chain.

    Returns
    -------
    "new", "double" or "fork"
        A double is stored already and only needs its acknowledgement again. A fork is another envelope for a sequence
        that is stored: two journals write under one name.
    """
    stored = _hash(connection, verified, 0)
    if stored is not None:
        if stored == verified.hash:
            return "double"
        _note(connection, verified, "fork", now, detail=f"stored {stored.hex()}, refused {verified.hash.hex()}")
        return "fork"
    _look_back(connection, verified, now)
    _look_ahead(connection, verified, now)
    return "new"


def _look_back(connection: Connection, verified: Verified, now: int) -> None:
    b = verified.batch
    before = _hash(connection, verified, -1)
    if before is not None and before != b.previous:
        _note(connection, verified, "broken", now, detail=f"names {b.previous.hex()}, stored {before.hex()}")
    if before is None and b.sequence > 1:
        below = and_(_chain(batch, verified), batch.c.sequence < b.sequence)
        last = connection.scalar(select(func.max(batch.c.sequence)).where(below)) or 0
        _note(connection, verified, "gap", now, first=last + 1, until=b.sequence - 1)


def _look_ahead(connection: Connection, verified: Verified, now: int) -> None:
    after = connection.scalar(
        select(batch.c.previous).where(_chain(batch, verified), batch.c.sequence == verified.batch.sequence + 1)
    )
    if after is not None and after != verified.hash:
        _note(connection, verified, "broken", now, detail=f"next names {after.hex()}, this is {verified.hash.hex()}")


def _chain(table: Any, verified: Verified) -> ColumnElement[bool]:
    return and_(table.c.gateway == verified.batch.gateway, table.c.epoch == verified.batch.epoch)


def _hash(connection: Connection, verified: Verified, offset: int) -> bytes | None:
    sequence = verified.batch.sequence + offset
    found: bytes | None = connection.scalar(
        select(batch.c.hash).where(_chain(batch, verified), batch.c.sequence == sequence)
    )
    return found


def _note(
    connection: Connection, verified: Verified, kind: str, now: int, *, first: int = 0, until: int = 0, detail: str = ""
) -> None:
    b = verified.batch
    row = {
        "gateway": b.gateway, "epoch": b.epoch, "kind": kind, "sequence": first or b.sequence,
        "until": until or b.sequence, "detail": detail, "noted_at": now,
    }  # fmt: skip
    same = and_(_chain(chain_note, verified), chain_note.c.kind == kind, chain_note.c.sequence == row["sequence"])
    if connection.scalar(select(chain_note.c.id).where(same)) is None:
        connection.execute(chain_note.insert(), row)
