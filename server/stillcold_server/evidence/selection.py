"""Which stored batches are evidence of a line in a period.

::

    NoReceipt (Exception)     batches that are not in the log yet
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, Select, and_, false, func, or_, select

from stillcold_core.evidence.bundle.listing import Listed
from stillcold_server.evidence.log import receipt_of
from stillcold_server.store import schema

_TOGETHER = 200


class NoReceipt(Exception):
    """There are batches that are not in the log yet."""


@dataclass(frozen=True, slots=True)
class Period:
    """A line and a period: ms UTC, both ends included."""

    line: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run of one chain's sequences."""

    gateway: str
    epoch: bytes
    first: int
    last: int


def runs_of(connection: Connection, period: Period) -> list[Run]:
    """The runs of batches that cover a period, of every gateway that speaks or has spoken for the line.

    Each run has all batches from the one before the period to the one after it, whatever points they are of: so the
    chain shows that none in between was left out.
    """
    b, p = schema.batch.c, schema.batch_point.c
    during = and_(p.last >= period.begin, p.first <= period.end)
    query = (
        select(b.gateway, b.epoch, func.min(b.sequence), func.max(b.sequence))
        .join(schema.batch_point, p.batch == b.id)
        .where(b.gateway.in_(_gateways(period.line)), during)
        .group_by(b.gateway, b.epoch)
        .order_by(b.gateway, func.min(b.id))
    )
    return [Run(gateway, epoch, first - 1, last + 1) for gateway, epoch, first, last in connection.execute(query)]


def batches_of(connection: Connection, runs: Sequence[Run]) -> Iterator[tuple[Listed, bytes]]:
    """The batches of some runs with their receipts and envelopes, in the log's order.

    Raises
    ------
    NoReceipt
        When one of them is not in the log yet.
    """
    b, offset = schema.batch, 0
    numbers = _numbers(connection, runs)
    for i in range(0, len(numbers), _TOGETHER):
        by_id = {row.batch: row.number for row in numbers[i : i + _TOGETHER]}
        rows = connection.execute(select(b).where(b.c.id.in_(by_id)).order_by(b.c.id))
        for row in rows:
            yield Listed(by_id[row.id], offset, len(row.body), receipt_of(row)), row.body
            offset += len(row.body)


def _numbers(connection: Connection, runs: Sequence[Run]) -> Sequence[Row[Any]]:
    """Batch and number in the log of each batch, in the log's order, which is that of the batches' ids."""
    entry = schema.log_entry
    query: Select[Any] = select(schema.batch.c.id.label("batch"), entry.c.number).outerjoin(
        entry, entry.c.batch == schema.batch.c.id
    )
    rows = connection.execute(query.where(or_(false(), *map(_within, runs))).order_by(schema.batch.c.id)).all()
    if any(row.number is None for row in rows):
        raise NoReceipt("some batches have no receipt yet: start the server of this version once")
    return rows


def _within(run: Run) -> ColumnElement[bool]:
    b = schema.batch.c
    return and_(b.gateway == run.gateway, b.epoch == run.epoch, b.sequence.between(run.first, run.last))


def _gateways(line: str) -> CompoundSelect[Any]:
    """Gateways that a line's points are bound to, or that have sent samples of them."""
    points = select(schema.point.c.id).where(schema.point.c.line == line)
    sent = select(schema.batch.c.gateway).join(schema.batch_point, schema.batch_point.c.batch == schema.batch.c.id)
    bound = select(schema.point.c.gateway).where(schema.point.c.line == line, schema.point.c.gateway.is_not(None))
    return sent.where(schema.batch_point.c.point.in_(points)).union(bound)
