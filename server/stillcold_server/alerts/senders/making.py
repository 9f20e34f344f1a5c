"""From a configured channel to its sender."""

from pathlib import Path

import apprise
import httpx

from stillcold_core.files import BadFile
from stillcold_server.alerts.senders.apprise_sender import STATUS_ONLY, AppriseSender
from stillcold_server.alerts.senders.base import Sender
from stillcold_server.alerts.senders.webhook import Webhook
from stillcold_server.config import Channel


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
    if scheme in STATUS_ONLY:
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
