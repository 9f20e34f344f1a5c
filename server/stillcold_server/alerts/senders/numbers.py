"""Telephone numbers as addresses."""

import re

from stillcold_server.alerts.senders.base import NotDelivered

_NUMBER = re.compile(r"\+?[0-9]{5,15}")


def phone(address: str) -> str:
    """The number without spaces and dashes.

    Raises
    ------
    NotDelivered
        When it is none.

    Examples
    --------
    >>> phone("+86 138-0000-0000")
    '+8613800000000'
    """
    number = re.sub(r"[\s()-]", "", address)
    if not _NUMBER.fullmatch(number):
        raise NotDelivered("expected a telephone number as address, e.g. 13800000000", permanent=True)
    return number
