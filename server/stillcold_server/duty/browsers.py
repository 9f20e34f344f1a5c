"""The browsers of one person: one contact, whose address is a list of their subscriptions, and all of them ring."""

import json

from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.push import MOST, subscriptions_of


def with_browser(known: str, address: str) -> str:
    """The address of somebody who has switched notifications on in one more browser, the oldest left out beyond five.

    Parameters
    ----------
    known : str
        The address before; empty for none.
    address : str
        The browser's subscription. Where it subscribes anew at the same place, it takes the place of the old one.

    Raises
    ------
    ValueError
        When it is none.

    Examples
    --------
    >>> one = with_browser("", '{"endpoint": "https://push.example/1"}')
    >>> with_browser(one, '{"endpoint": "https://push.example/2"}')
    '[{"endpoint": "https://push.example/1"}, {"endpoint": "https://push.example/2"}]'
    """
    try:
        new = subscriptions_of(address)
        before = subscriptions_of(known) if known else []
    except NotDelivered as error:
        raise ValueError(str(error)) from error
    taken = {one.get("endpoint") for one in new}
    return json.dumps([*(one for one in before if one.get("endpoint") not in taken), *new][-MOST:])
