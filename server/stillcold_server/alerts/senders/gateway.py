"""Any gateway for text messages or calls that takes an HTTP POST."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote_plus

from stillcold_core.files import BadFile
from stillcold_server.alerts.channels import PLACEHOLDER, GatewayChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.answers import succeeded
from stillcold_server.alerts.senders.fitting import fitted, variable
from stillcold_server.alerts.senders.numbers import phone
from stillcold_server.alerts.senders.settings import outbound_of, secret_of, target_of

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*)")
"""Name and value of a header (RFC 9110, section 5)."""


class Gateway:
    """POSTs a body made after a template; delivered when the answer is 2xx and its body says what the rule wants."""

    addressed = True

    def __init__(self, channel: GatewayChannel) -> None:
        self._outbound = outbound_of(channel, channel.ca_file)
        self._url = target_of(channel, self._outbound, channel.url_file)
        self._channel = channel
        self._headers = {"Content-Type": channel.content_type, **_headers_of(channel)}

    def send(self, message: Message, address: str = "") -> str:
        """See :class:`Sender`."""
        values = {"address": phone(address), "text": fitted(message, self._channel.limit), "id": str(message["id"])}
        body = filled(self._channel, message, values)
        headers = {**self._headers, "Idempotency-Key": str(message["key"])}
        return succeeded(self._outbound.post(self._url, body.encode(), headers), self._channel.success)


def filled(channel: GatewayChannel, message: Message, values: Mapping[str, str]) -> str:
    """The channel's body with what its placeholders stand for, escaped for its type."""
    escape = _json_inside if channel.content_type == "application/json" else quote_plus

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return escape(values[name] if name in values else variable(message, name, channel.limit))

    return PLACEHOLDER.sub(value, channel.body)


def _json_inside(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _headers_of(channel: GatewayChannel) -> dict[str, str]:
    """Headers of the file, ``Name: value`` a line."""
    headers = {}
    lines = secret_of(channel, channel.headers_file).splitlines() if channel.headers_file else []
    for number, line in enumerate(lines, 1):
        if not (match := _HEADER.fullmatch(line.strip())):
            raise BadFile(Path(channel.headers_file), "expected a header such as Authorization: …", line=number)
        headers[match[1]] = match[2]
    return headers
