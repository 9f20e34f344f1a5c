"""Notifications in a browser, by its maker's push service (RFC 8030).

The address is a browser's subscription in JSON, as ``PushSubscription.toJSON()`` gives it, or a list of them.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from stillcold_core.files import BadFile
from stillcold_server.alerts.channels import PushChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.answers import refusal
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.fitting import cut
from stillcold_server.alerts.senders.outbound import Outbound
from stillcold_server.alerts.senders.push_crypto import b64, encrypted, point, unb64, vapid
from stillcold_server.alerts.senders.settings import secret_of

MOST = 5
"""Browsers of one address: the newest."""
_GOOD = 12 * 3600
"""s that a token for a push service is good for; at most a day (RFC 8292, section 2)."""
_BODY, _TITLE = 2400, 600
"""Bytes in JSON; with id, link and names they stay below what one record holds."""


class Push:
    """Tells somebody's browsers; delivered when the push service of one answers 201: it has taken the message.

    Where none does, it is tried again for all of them as long as one may still take it.

    Attributes
    ----------
    public_key : str
        What a browser must subscribe with (``applicationServerKey``).

    Raises
    ------
    BadFile
        When ``key_file`` is no P-256 key in PEM.
    """

    addressed = True

    def __init__(self, channel: PushChannel, clock: Callable[[], float] = time.time) -> None:
        self._outbound = Outbound(channel.allow)
        self._key = _key_of(channel)
        self._channel, self._clock = channel, clock
        self.public_key = b64(point(self._key))

    def send(self, message: Message, address: str = "") -> str:
        """See :class:`Sender`."""
        browsers = subscriptions_of(address)
        with ThreadPoolExecutor(len(browsers)) as at_once:  # one that hangs holds up no other
            refused = [e for e in at_once.map(lambda browser: self._refusal(message, browser), browsers) if e]
        if len(refused) == len(browsers):
            raise next((error for error in refused if not error.permanent), refused[-1])
        return f"HTTP 201 from {len(browsers) - len(refused)} of {len(browsers)}"

    def _refusal(self, message: Message, browser: Any) -> NotDelivered | None:
        try:
            self._tell(message, *subscription_of(browser))
        except NotDelivered as error:
            return error
        return None

    def _tell(self, message: Message, endpoint: str, browser_key: bytes, auth: bytes) -> None:
        try:
            body = encrypted(_payload(message), browser_key, auth)
        except ValueError as error:
            raise NotDelivered(f"the subscription's keys are none: {error}", permanent=True) from error
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(endpoint))
        headers = {
            "Authorization": vapid(self._key, origin, self._channel.subject, int(self._clock()) + _GOOD),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._channel.ttl),
            "Urgency": "high",
        }
        answer = self._outbound.post(endpoint, body, headers)
        if answer.status in (404, 410):
            raise NotDelivered(f"HTTP {answer.status}: the browser is subscribed no more", permanent=True)
        if answer.status != 201:
            raise refusal(answer)


def subscriptions_of(address: str) -> list[Any]:
    """The subscriptions of an address.

    Raises
    ------
    NotDelivered
        When it has none, or what is none.
    """
    try:
        found = json.loads(address)
    except (ValueError, RecursionError):
        found = None
    browsers = found if isinstance(found, list) else [found]
    if browsers and all(isinstance(one, dict) and isinstance(one.get("endpoint"), str) for one in browsers):
        return browsers[-MOST:]
    raise NotDelivered("expected a browser's subscription as address", permanent=True)


def subscription_of(said: Any) -> tuple[str, bytes, bytes]:
    """Endpoint, key and secret of a subscription.

    Raises
    ------
    NotDelivered
        When it is none; the endpoint must be HTTPS.
    """
    try:
        endpoint, keys = said["endpoint"], said["keys"]
        if not isinstance(endpoint, str) or not endpoint.startswith("https://"):
            raise ValueError("endpoint")
        return endpoint, unb64(keys["p256dh"]), unb64(keys["auth"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotDelivered("expected a browser's subscription as address", permanent=True) from None


def _payload(message: Message) -> bytes:
    """What the service worker shows: title, body, and the page that a click opens."""
    shown = {
        "id": str(message["id"]), "url": str(message.get("url", "")),
        "title": cut(str(message["title"]), _TITLE, _in_json), "body": cut(str(message["text"]), _BODY, _in_json),
    }  # fmt: skip
    return json.dumps(shown, ensure_ascii=False).encode()


def _in_json(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def _key_of(channel: PushChannel) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(secret_of(channel, channel.key_file).encode(), None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadFile(Path(channel.key_file), "expected a P-256 private key in PEM, without a password")
