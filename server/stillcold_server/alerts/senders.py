"""Ways to tell somebody. A sender returns when the other side has taken the message, and raises otherwise.

::

    NotDelivered (Exception)      with what the other side said
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Protocol

import apprise
import httpx

from stillcold_core.files import BadFile, shorten
from stillcold_server.alerts.message import Message
from stillcold_server.config import Channel

_TIMEOUT = 10.0
_STATUS_ONLY = ("wecombot", "dingtalk", "feishu", "lark", "bark", "barks", "schan", "wecom")
"""Apprise takes HTTP status 200 for delivered there, and these services answer 200 with an error in the body."""


class NotDelivered(Exception):
    """The other side did not take the message."""


class Sender(Protocol):
    """One channel."""

    def send(self, message: Message) -> str:
        """Deliver; what the other side said.

        Raises
        ------
        NotDelivered
        """


class Webhook:
    """POSTs a message as JSON; delivered when the answer is 2xx.

    With a key, the header ``Stillcold-Signature: sha256=<hex>`` carries the HMAC-SHA256 of the body.
    """

    def __init__(self, url: str, key: bytes = b"") -> None:
        self._url, self._key = url, key
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)

    def send(self, message: Message) -> str:
        """See :class:`Sender`."""
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(message["id"])}
        if self._key:
            headers["Stillcold-Signature"] = "sha256=" + hmac.new(self._key, body, hashlib.sha256).hexdigest()
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise NotDelivered(f"HTTP {answer.status_code}: {shorten(answer.text)}")
        return f"HTTP {answer.status_code}"


class AppriseSender:
    """Mail and the other services of the Apprise library."""

    def __init__(self, service: apprise.NotifyBase) -> None:
        self._service = service

    def send(self, message: Message) -> str:
        """See :class:`Sender`."""
        if not self._service.notify(body=message["text"], title=message["title"]):
            raise NotDelivered(f"{self._service.service_name} did not take it")
        return str(self._service.service_name)


def make_sender(channel: Channel) -> Sender:
    """The sender of a configured channel.

    Raises
    ------
    BadFile
        When a file it names is missing, or its URL is none that can be used.
    """
    url = channel.url or _secret(channel, channel.url_file)
    if channel.kind == "webhook":
        if httpx.URL(url).scheme not in ("http", "https"):
            raise _bad(channel, "url", "expected an http or https URL")
        return Webhook(url, _secret(channel, channel.secret_file).encode() if channel.secret_file else b"")
    scheme = url.split(":", 1)[0].lower()
    if scheme in _STATUS_ONLY:
        raise _bad(channel, "url", f"{scheme} cannot tell whether a message was taken; use a webhook")
    service = apprise.Apprise.instantiate(url)
    if service is None:
        raise _bad(channel, "url", "expected a URL that Apprise knows, e.g. mailtos://user:password@host?to=…")
    return AppriseSender(service)


def _secret(channel: Channel, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror}); channel {channel.id!r} needs it") from error


def _bad(channel: Channel, field: str, expected: str) -> BadFile:
    # The URL may carry a password: the message does not repeat it.
    return BadFile("server configuration", expected, field=f"channel {channel.id!r}.{field}")
