"""Putting calls into the outbox: to every group, or to a person by one contact after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from stillcold_server.alerts.claims import waiting_row
from stillcold_server.store.schema import contact, delivery, user

_WITH_ANOTHER = 3
"""Tries by a contact where the person has another one: given up within two seconds."""
_THE_LAST = 6
"""Tries by the last contact, within half a minute: then the next person is called."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels that are configured."""

    groups: Sequence[str]
    """Those that reach a group and need no address."""
    personal: Sequence[str]
    """Those that need a person's address."""
    push: Mapping[str, str] = field(default_factory=dict)
    """Of those that reach a browser, the key that it subscribes to."""


NO_CHANNELS = Channels((), ())


def channels_of(addressed: Mapping[str, bool], push: Mapping[str, str]) -> Channels:
    """Of the configured channels, by whether each needs a person's address; ``push``: see :class:`Channels`.

    Examples
    --------
    >>> channels_of({"robot": False, "sms": True}, {})
    Channels(groups=('robot',), personal=('sms',), push={})
    """
    groups, personal = (tuple(c for c, a in addressed.items() if a is wanted) for wanted in (False, True))
    return Channels(groups, personal, push)


def contacts_of(connection: Connection, name: str, channels: Channels) -> Sequence[Row[Any]]:
    """How somebody can be reached, in order; none of an account that is closed or a channel that there is not."""
    query = (
        select(contact)
        .join(user, user.c.name == contact.c.user)
        .where(contact.c.user == name, contact.c.channel.in_(channels.personal), user.c.disabled.is_(False))
    )
    return connection.execute(query.order_by(contact.c.position, contact.c.channel)).all()


def call_groups(connection: Connection, alert: str, page: int, channels: Channels, now: int) -> bool:
    """Tell every group; whether there is one."""
    rows = [waiting_row(alert, page, channel, now) for channel in channels.groups]
    if rows:
        connection.execute(delivery.insert(), rows)
    return bool(rows)


def call_person(connection: Connection, alert: str, page: int, name: str, channels: Channels, now: int) -> bool:
    """Call somebody by the first contact; whether there is one."""
    found = contacts_of(connection, name, channels)
    if found:
        _call(connection, alert, page, found, now)
    return bool(found)


def call_otherwise(connection: Connection, failed: Row[Any], channels: Channels, now: int) -> bool:
    """Call somebody by the contact after the one that failed; whether there is one."""
    d = delivery.c
    tried = set(
        connection.scalars(
            select(d.channel).where(d.alert == failed.alert, d.page == failed.page, d.recipient == failed.recipient)
        )
    )
    left = [c for c in contacts_of(connection, failed.recipient, channels) if c.channel not in tried]
    if left:
        _call(connection, failed.alert, failed.page, left, now)
    return bool(left)


def note_uncalled(connection: Connection, alert: str, page: int, name: str, reason: str, now: int) -> None:
    """Keep in the log why nobody was called: ``nobody_on_duty``, ``no_contact``."""
    row = waiting_row(alert, page, "", now, recipient=name, state="skipped", detail=reason)
    connection.execute(delivery.insert(), row)


def _call(connection: Connection, alert: str, page: int, contacts: Sequence[Row[Any]], now: int) -> None:
    to = contacts[0]
    most = _WITH_ANOTHER if len(contacts) > 1 else _THE_LAST
    row = waiting_row(alert, page, to.channel, now, recipient=to.user, address=to.address, most=most)
    connection.execute(delivery.insert(), row)
