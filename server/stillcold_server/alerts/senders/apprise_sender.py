"""The services of the Apprise library, as far as it can tell whether a message was taken."""

import apprise

from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.base import NotDelivered

STATUS_ONLY = ("wecombot", "dingtalk", "feishu", "lark", "bark", "barks", "schan", "wecom")
"""Apprise takes HTTP status 200 for delivered there, and these services answer 200 with an error in the body."""


class AppriseSender:
    """One service of the Apprise library, with the recipients that its URL names."""

    addressed = False

    def __init__(self, service: apprise.NotifyBase) -> None:
        self._service = service

    def send(self, message: Message, address: str = "") -> str:  # noqa: ARG002
        """See :class:`Sender`."""
        if not self._service.notify(body=message["text"], title=message["title"]):
            raise NotDelivered(f"{self._service.service_name} did not take it")
        return str(self._service.service_name)
