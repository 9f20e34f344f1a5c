"""Which stored batches are evidence of a line in a period.

::

    NoReceipt (Exception)     batches that are not in the log yet
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, Select, and_, false, func, or_, select

from stillcold_core.contract.batch import decode_batch
from stillcold_core.evidence.bundle.listing import Listed
from stillcold_core.evidence.envelope import stored_payload
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
    chain shows that none in between was left out. Where a gateway has told only later what it had lost, the run goes on
    to the batch that says so.
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
    runs = [Run(gateway, epoch, first - 1, last + 1) for gateway, epoch, first, last in connection.execute(query)]
    return _with_tellers(connection, runs)


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


def _with_tellers(connection: Connection, runs: Sequence[Run]) -> list[Run]:
    """The same runs, so long that what is missing in them and was told as lost is told in one of them."""
    found = {(run.gateway, run.epoch): run for run in runs}
    looked: set[tuple[int, int]] = set()
    while wanted := [loss for loss in _losses(connection, found.values()) if loss not in looked]:
        looked.update(wanted)
        for note, until in wanted:
            if (teller := _teller(connection, note, until)) is not None:
                run = found.get((teller.gateway, teller.epoch), teller)
                longer = replace(run, first=min(run.first, teller.first), last=max(run.last, teller.last))
                found[teller.gateway, teller.epoch] = longer
    return list(found.values())


def _losses(connection: Connection, runs: Iterable[Run]) -> Iterator[tuple[int, int]]:
    """The notes of what was lost in some runs and is missing still, each with the last sequence that counts here."""
    n = schema.chain_note.c
    for run in runs:
        mine = and_(n.gateway == run.gateway, n.epoch == run.epoch, n.kind == "lost", n.closed_at.is_(None))
        here = and_(mine, n.sequence <= run.last, n.until >= run.first)
        for row in connection.execute(select(n.id, n.until).where(here).order_by(n.id)).all():
            yield row.id, min(row.until, run.last)


def _teller(connection: Connection, note: int, until: int) -> Run | None:
    """The first batch that tells of a loss up to a sequence, as a run of its own."""
    b = schema.batch.c
    loss = connection.execute(select(schema.chain_note).where(schema.chain_note.c.id == note)).one()
    since = and_(b.gateway == loss.gateway, b.received_at >= loss.noted_at)
    query = select(b.epoch, b.sequence, b.body).where(since).order_by(b.id)
    with connection.execute(query, execution_options={"yield_per": _TOGETHER}) as rows:
        for row in rows:
            for gap in decode_batch(stored_payload(row.body)).gaps:
                if (gap.epoch or row.epoch, gap.first) == (loss.epoch, loss.sequence) and gap.until >= until:
                    return Run(loss.gateway, row.epoch, row.sequence, row.sequence)
    return None


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
