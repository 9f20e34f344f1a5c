"""How people can be reached, and whether that has been shown lately.

::

    ContactError (ValueError)     ``reason`` is a stable word
"""

import hmac
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from stillcold_server.alerts.claims import waiting_row
from stillcold_server.days import DAY, HOUR
from stillcold_server.duty.browsers import with_browser
from stillcold_server.duty.reach import Channels, contacts_of
from stillcold_server.store.database import upsert
from stillcold_server.store.schema import contact, delivery

WORKING_DAYS = 30
"""A contact works when a test page was answered or a page delivered within so many days."""
_MOST_WRONG = 5
_MOST_CONTACTS = 8
_TEST_TRIES = 3
_MOST_TESTS = 10
"""Test pages to one address in an hour: each may cost money, and the address may be somebody else's."""


class ContactError(ValueError):
    """A contact cannot be kept or verified so.

    Parameters
    ----------
    reason : str
        ``channel``, ``many``, ``often``, ``subscription``, ``unknown_contact``, ``no_code``, ``wrong_code``.
    message : str
        What is wrong.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def save_contact(connection: Connection, name: str, channel: str, address: str, channels: Channels, now: int) -> None:
    """Keep how somebody can be reached by a channel, after those that there are; a new address is not verified.

    Of a channel that reaches browsers the address is one more of them; of any other one it takes the old one's place.

    Raises
    ------
    ContactError
    """
    if channel not in channels.personal:
        raise ContactError("channel", f"expected a channel that reaches a person ({', '.join(channels.personal)})")
    others = contact.c.user == name
    count, last = connection.execute(
        select(func.count(), func.max(contact.c.position)).where(others, contact.c.channel != channel)
    ).one()
    if count >= _MOST_CONTACTS:
        raise ContactError("many", f"expected at most {_MOST_CONTACTS} contacts of one person")
    if channel in channels.push:
        address = _one_more_browser(connection, name, channel, address)
    row = {
        "user": name, "channel": channel, "address": address, "position": 0 if last is None else last + 1,
        "added_at": now, "verified_at": None, "code": None, "wrong": 0,
    }  # fmt: skip
    upsert(connection, contact, [row])


def _one_more_browser(connection: Connection, name: str, channel: str, subscription: str) -> str:
    mine = (contact.c.user == name) & (contact.c.channel == channel)
    known = connection.scalar(select(contact.c.address).where(mine).with_for_update())  # two browsers at once are two
    try:
        return with_browser(known or "", subscription)
    except ValueError as error:
        raise ContactError("subscription", str(error)) from error


def remove_contact(connection: Connection, name: str, channel: str) -> None:
    """Forget a contact.

    Raises
    ------
    ContactError
    """
    mine = (contact.c.user == name) & (contact.c.channel == channel)
    if connection.execute(contact.delete().where(mine)).rowcount == 0:
        raise ContactError("unknown_contact", f"{name} has no contact by {channel}")


def put_first(connection: Connection, name: str, channel: str) -> None:
    """Have somebody called by this contact before the others.

    Raises
    ------
    ContactError
    """
    mine = contact.c.user == name
    first = connection.scalar(select(func.min(contact.c.position)).where(mine)) or 0
    moved = connection.execute(
        update(contact).where(mine, contact.c.channel == channel).values(position=first - 1)
    ).rowcount
    if not moved:
        raise ContactError("unknown_contact", f"{name} has no contact by {channel}")


def send_tests(connection: Connection, name: str, channels: Channels, now: int, channel: str | None = None) -> int:
    """Send somebody a test page by each contact, or by one, with a code that shows that it was read.

    Returns
    -------
    int
        How many were put into the outbox.

    Raises
    ------
    ContactError
        ``often``: there were enough within an hour.
    """
    found = [c for c in contacts_of(connection, name, channels) if channel in (None, c.channel)]
    for row in found:
        _check_often(connection, name, row.channel, now)
        mine = (contact.c.user == name) & (contact.c.channel == row.channel)
        connection.execute(update(contact).where(mine).values(code=f"{secrets.randbelow(10**6):06}", wrong=0))
        page = waiting_row(None, 0, row.channel, now, recipient=name, address=row.address, most=_TEST_TRIES)
        connection.execute(delivery.insert(), page)
    return len(found)


def send_group_tests(connection: Connection, channels: Channels, now: int) -> int:
    """Send a test page to every group; how many there are.

    Raises
    ------
    ContactError
        ``often``.
    """
    for channel in channels.groups:
        _check_often(connection, "", channel, now)
    rows = [waiting_row(None, 0, channel, now, most=_TEST_TRIES) for channel in channels.groups]
    if rows:
        connection.execute(delivery.insert(), rows)
    return len(rows)


def _check_often(connection: Connection, name: str, channel: str, now: int) -> None:
    d = delivery.c
    tests = d.alert.is_(None) & (d.recipient == name) & (d.channel == channel) & (d.created_at > now - HOUR)
    if (connection.scalar(select(func.count()).where(tests)) or 0) >= _MOST_TESTS:
        raise ContactError("often", f"{_MOST_TESTS} test pages an hour are enough; {name or channel} had as many")


def answer(connection: Connection, name: str, channel: str, code: str, now: int) -> bool:
    """Verify a contact by the code of its test page; False when it is another one.

    Five wrong answers end the code: the next test page brings another.

    Raises
    ------
    ContactError
    """
    mine = (contact.c.user == name) & (contact.c.channel == channel)
    row = connection.execute(select(contact).where(mine)).one_or_none()
    if row is None:
        raise ContactError("unknown_contact", f"{name} has no contact by {channel}")
    if row.code is None:
        raise ContactError("no_code", "send a test page first")
    if hmac.compare_digest(row.code.encode(), code.strip().encode()):
        connection.execute(update(contact).where(mine).values(code=None, verified_at=now, wrong=0))
        return True
    ended = row.wrong + 1 >= _MOST_WRONG
    connection.execute(update(contact).where(mine).values(wrong=row.wrong + 1, code=None if ended else row.code))
    return False


def working_channels(connection: Connection, name: str, channels: Channels, now: int) -> list[str]:
    """The channels by which somebody was reached within the last :data:`WORKING_DAYS`."""
    since = now - WORKING_DAYS * DAY
    return [c.channel for c in contacts_of(connection, name, channels) if (shown_at(connection, c) or 0) >= since]


def shown_at(connection: Connection, row: Row[Any]) -> int | None:
    """When a contact has last been shown to work, ms: a test page answered, or a page delivered there."""
    d = delivery.c
    to = (d.recipient == row.user) & (d.channel == row.channel) & (d.address == row.address)
    last: int | None = connection.scalar(select(func.max(d.delivered_at)).where(to, d.state == "delivered"))
    times = [t for t in (last, row.verified_at) if t is not None]
    return max(times, default=None)


def all_contacts(connection: Connection, name: str | None = None) -> Sequence[Row[Any]]:
    """Contacts of somebody, or of all, in the order in which they are tried."""
    query = select(contact).order_by(contact.c.user, contact.c.position, contact.c.channel)
    return connection.execute(query if name is None else query.where(contact.c.user == name)).all()
