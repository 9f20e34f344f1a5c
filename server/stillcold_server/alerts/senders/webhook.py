"""A POST of JSON to somebody's own program."""

import hashlib
import hmac
import json

import httpx

from stillcold_core.files import shorten
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.base import NotDelivered

_TIMEOUT = 10.0


class Webhook:
    """POSTs a message as JSON; delivered when the answer is 2xx.

    With a key, the header ``Stillcold-Signature: sha256=<hex>`` carries the HMAC-SHA256 of the body.
    """

    addressed = False

    def __init__(self, url: str, key: bytes = b"") -> None:
        self._url, self._key = url, key
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)

    def send(self, message: Message, address: str = "") -> str:  # noqa: ARG002
        """See :class:`Sender`."""
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(message["key"])}
        if self._key:
            headers["Stillcold-Signature"] = "sha256=" + hmac.new(self._key, body, hashlib.sha256).hexdigest()
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise NotDelivered(f"HTTP {answer.status_code}: {shorten(answer.text)}")
        return f"HTTP {answer.status_code}"
