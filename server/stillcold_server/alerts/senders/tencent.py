"""Text messages by Tencent Cloud.

Sources: cloud.tencent.com, SMS 2021-01-11 ``SendSms`` and its error codes, and signature v3 (TC3-HMAC-SHA256).
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from stillcold_core.files import shorten
from stillcold_server.alerts.channels import TencentSmsChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.answers import body_of
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.fitting import variable
from stillcold_server.alerts.senders.numbers import phone
from stillcold_server.alerts.senders.settings import outbound_of, secret_of, target_of

_VERSION = "2021-01-11"
_WAITS: Mapping[str, float] = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": 30.0,
    "LimitExceeded.PhoneNumberOneHourLimit": 3600.0,
    "LimitExceeded.PhoneNumberDailyLimit": 3600.0,
    "LimitExceeded.PhoneNumberSameContentDailyLimit": 3600.0,
    "LimitExceeded.DeliveryFrequencyLimit": 60.0,
    "LimitExceeded.AppDailyLimit": 3600.0,
    "RequestLimitExceeded": 5.0,
}
"""s until another try may be taken."""
_FINAL = (
    "FailedOperation",
    "InvalidParameter",
    "MissingParameter",
    "UnsupportedOperation",
    "AuthFailure",
    "Unauthorized",
)
"""Beginnings of codes that come again: number, template, signature, balance, rights."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an API 3.0 of Tencent Cloud."""

    host: str
    service: str
    action: str
    body: bytes
    at: int
    """Epoch seconds."""
    content_type: str = "application/json; charset=utf-8"

    def authorization(self, secret_id: str, secret_key: str) -> str:
        """The header ``Authorization`` (TC3-HMAC-SHA256), over content type, host and action."""
        date = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d")
        names, scope = "content-type;host;x-tc-action", f"{date}/{self.service}/tc3_request"
        lines = f"content-type:{self.content_type}\nhost:{self.host}\nx-tc-action:{self.action.lower()}\n"
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(self.body).hexdigest()}"
        text = f"TC3-HMAC-SHA256\n{self.at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"TC3{secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"


class TencentSms:
    """A text message to one number, by a template."""

    addressed = True

    def __init__(self, channel: TencentSmsChannel, clock: Callable[[], float] = time.time) -> None:
        self._outbound = outbound_of(channel)
        self._url = target_of(channel, self._outbound).rstrip("/")
        self._key = channel.secret_id, secret_of(channel, channel.secret_key_file)
        self._channel, self._clock = channel, clock

    def send(self, message: Message, address: str = "") -> str:
        """See :class:`Sender`."""
        c = self._channel
        number = phone(address)
        asked = {
            "PhoneNumberSet": [number if number.startswith("+") else f"+86{number}"],
            "SmsSdkAppId": c.app_id, "SignName": c.sign_name, "TemplateId": c.template_id,
            "TemplateParamSet": [variable(message, field, c.limit) for field in c.params],
        }  # fmt: skip
        call = Call(
            urlsplit(self._url).netloc, "sms", "SendSms", json.dumps(asked, ensure_ascii=False).encode(),
            int(self._clock()),
        )  # fmt: skip
        headers = {
            "Host": call.host, "Content-Type": call.content_type, "Authorization": call.authorization(*self._key),
            "X-TC-Action": call.action, "X-TC-Version": _VERSION, "X-TC-Timestamp": str(call.at),
            "X-TC-Region": c.region,
        }  # fmt: skip
        return _taken(body_of(self._outbound.post(f"{self._url}/", call.body, headers)))


def _taken(body: Mapping[str, Any]) -> str:
    """What the service said when it took the message for the one number.

    Raises
    ------
    NotDelivered
        Whether the request was refused as a whole or for the number.
    """
    response = body.get("Response")
    response = response if isinstance(response, dict) else {}
    statuses = response.get("SendStatusSet")
    refused = response.get("Error")
    said = refused or (statuses[0] if isinstance(statuses, list) and len(statuses) == 1 else None)
    said = said if isinstance(said, dict) else {}
    code, text = str(said.get("Code", "missing")), str(said.get("Message", ""))
    if code == "Ok" and not refused:
        return f"Code Ok, SerialNo {said.get('SerialNo', '')}"
    raise NotDelivered(
        f"Code {shorten(code)}: {shorten(text, 200)}",
        permanent=code.startswith(_FINAL),
        retry_after=_WAITS.get(code),
    )
