"""Text messages and calls by Alibaba Cloud.

Sources: help.aliyun.com, Dysmsapi 2017-05-25 ``SendSms``, Dyvmsapi 2017-05-25 ``SingleCallByTts``, and
"V3 request structure and signature" (ACS3-HMAC-SHA256).
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from stillcold_core.files import shorten
from stillcold_server.alerts.channels import AliyunSmsChannel, AliyunVoiceChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.answers import body_of
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.fitting import variable
from stillcold_server.alerts.senders.numbers import phone
from stillcold_server.alerts.senders.settings import outbound_of, secret_of, target_of

Clock = Callable[[], float]
_VERSION = "2017-05-25"
_LIMIT_CODE = "isv.BUSINESS_LIMIT_CONTROL"
_LIMIT_WAITS = {"分钟": 60.0, "小时": 3600.0, "天": 3600.0}
"""Words in its message, and s until another try may be taken."""
_FINAL = (
    "isv.",
    "Forbidden",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "Missing",
    "Invalid",
)
"""Beginnings of codes that come again: number, template, signature, balance, rights."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an RPC API of Alibaba Cloud."""

    host: str
    action: str
    query: Mapping[str, str]
    at: float
    """Epoch seconds."""
    nonce: str
    version: str = _VERSION

    def signed(self, key_id: str, key_secret: str) -> tuple[str, dict[str, str]]:
        """The query in its canonical form, and the headers with the signature (ACS3-HMAC-SHA256); the body is empty."""
        query = "&".join(f"{_quoted(k)}={_quoted(v)}" for k, v in sorted(self.query.items()))
        headers = {
            "host": self.host,
            "x-acs-action": self.action,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": self.nonce,
            "x-acs-version": self.version,
        }
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"POST\n/\n{query}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.new(key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        authorization = f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"
        return query, {**headers, "Authorization": authorization}


class _Aliyun:
    """What both services share: who asks, how, and what an answer means."""

    def __init__(self, channel: AliyunSmsChannel | AliyunVoiceChannel, clock: Clock) -> None:
        self._outbound = outbound_of(channel)
        self._url = target_of(channel, self._outbound).rstrip("/")
        self._key = channel.key_id, secret_of(channel, channel.key_secret_file)
        self._clock = clock

    def ask(self, action: str, query: Mapping[str, str], receipt: str) -> str:
        """Ask for an action; what the service said, with its receipt."""
        call = Call(urlsplit(self._url).netloc, action, query, self._clock(), secrets.token_hex(16))
        line, headers = call.signed(*self._key)
        body = body_of(self._outbound.post(f"{self._url}/?{line}", b"", headers))
        if body.get("Code") == "OK":
            return f"Code OK, {receipt} {body.get(receipt, '')}"
        raise _refusal(str(body.get("Code", "missing")), str(body.get("Message", "")))


class AliyunSms:
    """A text message to one number, by a template."""

    addressed = True

    def __init__(self, channel: AliyunSmsChannel, clock: Clock = time.time) -> None:
        self._service, self._channel = _Aliyun(channel, clock), channel

    def send(self, message: Message, address: str = "") -> str:
        """See :class:`Sender`."""
        query = {
            "PhoneNumbers": phone(address),
            "SignName": self._channel.sign_name,
            "TemplateCode": self._channel.template_code,
            "TemplateParam": _params(self._channel, message),
        }
        return self._service.ask("SendSms", query, "BizId")


class AliyunVoice:
    """A call to one number that reads a template."""

    addressed = True

    def __init__(self, channel: AliyunVoiceChannel, clock: Clock = time.time) -> None:
        self._service, self._channel = _Aliyun(channel, clock), channel

    def send(self, message: Message, address: str = "") -> str:
        """See :class:`Sender`."""
        query = {
            "CalledNumber": phone(address),
            "TtsCode": self._channel.tts_code,
            "TtsParam": _params(self._channel, message),
            "PlayTimes": str(self._channel.play_times),
        }
        if self._channel.show_number:
            query["CalledShowNumber"] = self._channel.show_number
        return self._service.ask("SingleCallByTts", query, "CallId")


def _params(channel: AliyunSmsChannel | AliyunVoiceChannel, message: Message) -> str:
    values = {name: variable(message, field, channel.limit) for name, field in channel.params.items()}
    return json.dumps(values, ensure_ascii=False)


def _refusal(code: str, text: str) -> NotDelivered:
    said = f"Code {shorten(code)}: {shorten(text, 200)}"
    if code == _LIMIT_CODE:
        wait = next((seconds for word, seconds in _LIMIT_WAITS.items() if word in text), 60.0)
        return NotDelivered(said, retry_after=wait)
    return NotDelivered(said, permanent=code.startswith(_FINAL))


def _quoted(text: str) -> str:
    """Percent-encoded after RFC 3986."""
    return quote(text, safe="-_.~")
