"""Who sends which row of the outbox: each is leased to one sender, so that any number of servers share one outbox.

A row is ``sending`` in the database before anything leaves, and its lease ends by the database's clock. A sender that
lives renews it. One that has died leaves the row behind: when the lease has ended another sender takes it over, and
because nobody can say whether the message left, the row is marked as doubtful.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, update

from stillcold_server.store.clock import database_clock
from stillcold_server.store.lease import LONGEST_MS, SECONDS
from stillcold_server.store.schema import delivery, delivery_try

BACK_OFF: Sequence[float] = (0.5, 1.0, 1.0, 2.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0)
"""s between the tries of one row; after ``most`` of them the delivery has failed. Five tries lie within 5 s: by then
a channel that refuses three of ten has taken 99 of 100 messages."""
PATIENCE = 30.0
"""s that a person's channel may ask to be left alone; for longer the person is called otherwise, or the next one."""
LEFT_MS = 60_000
"""For which a message waits for a channel that is not configured: another server may still have it."""
CHANNEL_REMOVED = "channel_removed"
"""Why such a message is given up."""
MOST = len(BACK_OFF) + 1
"""Tries of a message to a group, over not quite two hours."""


def waiting_row(alert: str | None, page: int, channel: str, now: int, **values: Any) -> dict[str, Any]:
    """A new row of the outbox: to a group and due now, unless ``values`` say otherwise."""
    return {
        "alert": alert, "page": page, "recipient": "", "channel": channel, "address": "", "state": "waiting",
        "attempts": 0, "most": MOST, "created_at": now, "due_at": now, "doubtful": False, "detail": "", **values,
    }  # fmt: skip


def due(connection: Connection, channel: str, now: int) -> bool:
    """Whether there is anything to send by a channel; reads only."""
    return connection.scalar(_due(connection, channel, now).limit(1)) is not None


def next_due(connection: Connection, channel: str) -> int | None:
    """When the next message of a channel is due, ms; None where none waits."""
    d = delivery.c
    due: int | None = connection.scalar(select(func.min(d.due_at)).where(d.channel == channel, d.state == "waiting"))
    return due


def claim(
    connection: Connection, channel: str, owner: str, now: int, limit: int, lease: float = SECONDS
) -> Sequence[Row[Any]]:
    """Take rows that are due, or whose sender has died, in a transaction that commits before they are sent.

    Parameters
    ----------
    owner : str
        Name of this sender, no other's.
    now : int
        ms; what is due by then.
    limit : int
        Most rows.
    lease : float
        s for which they stay with a sender that does not renew it.

    Returns
    -------
    sequence of rows
        As they are now, ``attempts`` with the try that begins.
    """
    query = _due(connection, channel, now).order_by(delivery.c.due_at, delivery.c.id).limit(limit)
    found = connection.execute(query.with_for_update(skip_locked=True)).all()
    mine = [row.id for row in found if _take(connection, row, owner, lease)]
    return connection.execute(select(delivery).where(delivery.c.id.in_(mine)).order_by(delivery.c.id)).all()


def left_over(connection: Connection, channels: Collection[str], now: int, limit: int) -> Sequence[Row[Any]]:
    """Rows that wait for other channels than these, which nobody sends by any more; ``now`` in ms."""
    d = delivery.c
    waits = and_(d.state == "waiting", d.due_at < now - LEFT_MS)
    cut_off = and_(d.state == "sending", d.until < database_clock(connection) - LEFT_MS)
    query = select(delivery).where(d.channel.not_in(channels), or_(waits, cut_off)).order_by(d.id)
    return connection.execute(query.limit(limit)).all()


def renew(connection: Connection, owner: str, numbers: Collection[int], lease: float = SECONDS) -> None:
    """Keep rows that are still being sent."""
    mine = delivery.c.id.in_(numbers) & (delivery.c.owner == owner) & (delivery.c.state == "sending")
    until = database_clock(connection) + round(1000 * lease)
    connection.execute(update(delivery).where(mine).values(until=until))


def delivered(connection: Connection, row: Row[Any], now: int, said: str) -> None:
    """The channel has taken it."""
    if _settle(connection, row, state="delivered", detail=said, delivered_at=now):
        _log(connection, row.id, now, "delivered", said)


def refused(connection: Connection, row: Row[Any], now: int, said: str, *, final: bool, wait: float = 0.0) -> bool:
    """The channel has not taken it.

    Parameters
    ----------
    final : bool
        Whether another try can do no good.
    wait : float
        s that the channel wants to be left alone.

    Returns
    -------
    bool
        Whether the delivery has failed for good by this.
    """
    given_up = bool(row.recipient) and wait > PATIENCE
    failed = final or given_up or row.attempts >= row.most
    pause = max(BACK_OFF[min(row.attempts, len(BACK_OFF)) - 1], wait)
    values = {"state": "failed"} if failed else {"state": "waiting", "due_at": now + round(pause * 1000)}
    mine = _settle(connection, row, detail=said, **values)
    if mine:
        _log(connection, row.id, now, "refused", said)
    return mine and failed


def dropped(connection: Connection, row: Row[Any], reason: str) -> None:
    """It need not be sent any more."""
    _settle(connection, row, state="skipped", attempts=row.attempts - 1, detail=reason)


def key_of(row: Row[Any]) -> str:
    """What a channel may know the message by, the same at each try of a row.

    It goes with the request as ``Idempotency-Key``, so that a channel which heeds it shows the message once.
    """
    named = f"{row.alert}\n{row.page}\n{row.recipient}\n{row.channel}\n{row.id}\n{row.created_at}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _due(connection: Connection, channel: str, now: int) -> Select[Any]:
    d, clock = delivery.c, database_clock(connection)
    left = and_(d.state == "sending", or_(d.until < clock, d.until > clock + LONGEST_MS))
    # What is due later than any pause is long was put there before the clock was set back.
    person = and_(d.recipient != "", d.due_at > now + 2 * round(PATIENCE * 1000))
    due_ = or_(d.due_at <= now, person, d.due_at > now + 2 * round(BACK_OFF[-1] * 1000))
    return select(delivery).where(d.channel == channel, or_(and_(d.state == "waiting", due_), left))


def _take(connection: Connection, row: Row[Any], owner: str, lease: float) -> bool:
    now = database_clock(connection)
    left = row.state == "sending"
    values = {
        "state": "sending", "owner": owner, "until": now + round(1000 * lease), "attempts": row.attempts + 1,
        "doubtful": row.doubtful or left,
    }  # fmt: skip
    taken = connection.execute(update(delivery).where(_same(row)).values(values)).rowcount == 1
    if taken and left:
        _log(connection, row.id, now, "cut_off", f"{row.owner} ended before it could say")
    return taken


def _same(row: Row[Any]) -> ColumnElement[bool]:
    d = delivery.c
    owner = d.owner.is_(None) if row.owner is None else d.owner == row.owner
    return and_(d.id == row.id, d.state == row.state, d.attempts == row.attempts, owner)


def _settle(connection: Connection, row: Row[Any], **values: Any) -> bool:
    """End a try; False where another sender has taken the row over in the meantime."""
    values |= {"owner": None, "until": None}
    return connection.execute(update(delivery).where(_same(row)).values(values)).rowcount == 1


def _log(connection: Connection, number: int, now: int, outcome: str, detail: str) -> None:
    connection.execute(delivery_try.insert(), {"delivery": number, "at": now, "outcome": outcome, "detail": detail})
