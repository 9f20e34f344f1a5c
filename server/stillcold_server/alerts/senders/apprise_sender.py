"""The services of the Apprise library, as far as it can tell whether a message was taken."""

from stillcold_server.alerts.channels import AppriseChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.settings import bad, secret_of

_STATUS_ONLY = {
    "wecombot": "wecom-robot", "wecom": "wecom-app", "dingtalk": "dingtalk", "feishu": "feishu", "lark": "feishu",
    "bark": "webhook", "barks": "webhook", "schan": "webhook",
}  # fmt: skip
"""Apprise takes HTTP status 200 for delivered there, and these services answer 200 with an error in the body: the
kind of channel that reads it."""


class AppriseSender:
    """One service of the Apprise library, with the recipients that its URL names.

    Raises
    ------
    BadFile
        When the URL is none that Apprise knows, or of a service of which it cannot tell that a message was taken.
    """

    addressed = False

    def __init__(self, channel: AppriseChannel) -> None:
        url = channel.url or secret_of(channel, channel.url_file)
        scheme = url.split(":", 1)[0].lower()
        if scheme in _STATUS_ONLY:
            better = _STATUS_ONLY[scheme]
            raise bad(channel, "url", f'{scheme} cannot tell whether a message was taken; use kind = "{better}"')
        import apprise  # noqa: PLC0415  # a server without such a channel need not wait for it

        service = apprise.Apprise.instantiate(url)
        if not isinstance(service, apprise.NotifyBase):
            raise bad(channel, "url", "expected a URL that Apprise knows, e.g. mailtos://user:password@host?to=…")
        self._service = service

    def send(self, message: Message, address: str = "") -> str:  # noqa: ARG002
        """See :class:`Sender`."""
        if not self._service.notify(body=message["text"], title=message["title"]):
            raise NotDelivered(f"{self._service.service_name} did not take it")
        return str(self._service.service_name)
