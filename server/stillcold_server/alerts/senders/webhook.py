"""A POST of JSON to somebody's own program."""

import hashlib
import hmac
import json

from stillcold_server.alerts.channels import WebhookChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.answers import succeeded
from stillcold_server.alerts.senders.settings import outbound_of, secret_of, target_of


class WebhookSender:
    """POSTs a message as JSON; delivered when the answer is 2xx and its body says what the channel's rule wants.

    With a key, the header ``Stillcold-Signature: sha256=<hex>`` carries the HMAC-SHA256 of the body.

    Raises
    ------
    BadFile
        When a file that the channel names cannot be used, or its URL is none that can be asked.
    """

    addressed = False

    def __init__(self, channel: WebhookChannel) -> None:
        self._outbound = outbound_of(channel, channel.ca_file)
        self._url = target_of(channel, self._outbound, channel.url_file)
        self._key = secret_of(channel, channel.secret_file).encode() if channel.secret_file else b""
        self._success = channel.success

    def send(self, message: Message, address: str = "") -> str:  # noqa: ARG002
        """See :class:`Sender`."""
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(message["key"])}
        if self._key:
            headers["Stillcold-Signature"] = "sha256=" + hmac.new(self._key, body, hashlib.sha256).hexdigest()
        return succeeded(self._outbound.post(self._url, body, headers), self._success)
