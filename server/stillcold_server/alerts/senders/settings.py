"""What senders read when they are made: secrets from files, targets that are checked."""

from pathlib import Path
from typing import Protocol

from stillcold_core.files import BadFile
from stillcold_server.alerts.senders.outbound import Outbound


class _Named(Protocol):
    @property
    def id(self) -> str:
        """Of the channel."""


class _Target(_Named, Protocol):
    @property
    def url(self) -> str:
        """Where to."""

    @property
    def allow(self) -> tuple[str, ...]:
        """Networks that are not public."""


def secret_of(channel: _Named, path: str) -> str:
    """The text of a file, without the white space around it.

    Raises
    ------
    BadFile
        When it cannot be read or is empty; an empty secret would sign nothing.
    """
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise BadFile(path, f"cannot be read ({reason}); channel {channel.id!r} needs it") from error
    if not text:
        raise BadFile(path, f"is empty; channel {channel.id!r} needs what should be in it")
    return text


def bad(channel: _Named, field: str, expected: str) -> BadFile:
    """An error about a setting, without its value, which may carry a password."""
    return BadFile("server configuration", expected, field=f"channel {channel.id!r}.{field}")


def outbound_of(channel: _Target, ca_file: str = "") -> Outbound:
    """The way out for a channel.

    Raises
    ------
    BadFile
        When ``ca_file`` cannot be used.
    """
    try:
        return Outbound(channel.allow, ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise BadFile(ca_file, f"expected certificates in PEM ({error.strerror or error})") from error


def target_of(channel: _Target, outbound: Outbound, url_file: str = "") -> str:
    """The channel's URL, from the configuration or a file, as far as it can be checked without asking anybody.

    Raises
    ------
    BadFile
        When it is none that can be used.
    """
    url = channel.url or secret_of(channel, url_file)
    try:
        outbound.check(url)
    except ValueError as error:
        raise bad(channel, "url" if channel.url else "url_file", str(error)) from error
    return url
