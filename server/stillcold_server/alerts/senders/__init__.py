"""Ways to tell somebody, one file a kind."""

from stillcold_server.alerts.senders.base import NotDelivered, Sender
from stillcold_server.alerts.senders.making import make_sender, push_keys

__all__ = ["NotDelivered", "Sender", "make_sender", "push_keys"]
