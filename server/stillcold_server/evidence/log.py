"""The server's log: one receipt a stored batch, in a Merkle tree that only grows.

Hashes are kept in tiles of 256, as C2SP's tlog-tiles has them: tile ``number`` of level ``n`` holds the hashes of
256 complete subtrees of ``256**n`` leaves each. A tile that is not full is written over as it fills.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from stillcold_core.evidence.merkle import HashOf, leaf_hash, node_hash
from stillcold_core.evidence.receipts import Receipt
from stillcold_server.store.database import upsert
from stillcold_server.store.schema import batch, log_entry, log_tile

_WIDTH, _BITS, _HASH = 256, 8, 32
_TOGETHER = 1000
_RECEIPT = (batch.c.id, batch.c.gateway, batch.c.epoch, batch.c.sequence, batch.c.hash, batch.c.received_at)


def extend(connection: Connection) -> None:
    """Give every stored batch that has no receipt its receipt, in the order in which they were stored."""
    more = True
    while more:
        first, after = _end(connection)
        rows = _stored(connection, after)
        if rows:
            entries = [{"number": first + i, "batch": row.id} for i, row in enumerate(rows)]
            connection.execute(insert(log_entry), entries)
            _grow(connection, 0, first, [leaf_hash(receipt_of(row).entry.encode()) for row in rows])
        more = len(rows) == _TOGETHER


def size(connection: Connection) -> int:
    """Number of entries."""
    return _end(connection)[0]


def receipt_of(row: Row[Any]) -> Receipt:
    """The receipt of a row of the batches."""
    return Receipt(row.gateway, row.epoch, row.sequence, row.hash, row.received_at)


def hashes(connection: Connection) -> HashOf:
    """The hashes of the log's complete subtrees."""

    @cache
    def tile(level: int, number: int) -> bytes:
        return _tile(connection, level, number)

    def hash_of(level: int, number: int) -> bytes:
        tile_level, height = divmod(level, _BITS)
        begin = number << height
        at = begin % _WIDTH * _HASH
        return _top(tile(tile_level, begin // _WIDTH)[at : at + (_HASH << height)])

    return hash_of


def _end(connection: Connection) -> tuple[int, int]:
    """Number of the next entry, and the batch of the last one."""
    query = select(log_entry.c.number, log_entry.c.batch).order_by(log_entry.c.number.desc()).limit(1)
    last = connection.execute(query).one_or_none()
    return (0, 0) if last is None else (last.number + 1, last.batch)


def _stored(connection: Connection, after: int) -> Sequence[Row[Any]]:
    query: Select[Any] = select(*_RECEIPT).where(batch.c.id > after).order_by(batch.c.id).limit(_TOGETHER)
    return connection.execute(query).all()


def _grow(connection: Connection, level: int, first: int, fresh: Sequence[bytes]) -> None:
    """Append hashes to a level, and those of the tiles that become full to the one above."""
    number, there = divmod(first, _WIDTH)
    content = (_tile(connection, level, number) if there else b"") + b"".join(fresh)
    step = _WIDTH * _HASH
    tiles = [content[i : i + step] for i in range(0, len(content), step)]
    rows = [{"level": level, "number": number + i, "hashes": tile} for i, tile in enumerate(tiles)]
    upsert(connection, log_tile, rows)
    full = [_top(tile) for tile in tiles if len(tile) == step]
    if full:
        _grow(connection, level + 1, number, full)


def _tile(connection: Connection, level: int, number: int) -> bytes:
    here = (log_tile.c.level == level) & (log_tile.c.number == number)
    return bytes(connection.execute(select(log_tile.c.hashes).where(here)).scalar_one())


def _top(row: bytes) -> bytes:
    """The hash above a power of two of hashes."""
    level = [row[i : i + _HASH] for i in range(0, len(row), _HASH)]
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]
