"""Robots of chat groups: WeCom, DingTalk, Feishu. All answer HTTP 200 on failure too, with a code in the body."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from stillcold_server.alerts.channels import DingtalkChannel, FeishuChannel, WecomRobotChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.answers import JSON, said_zero
from stillcold_server.alerts.senders.fitting import fitted, utf8
from stillcold_server.alerts.senders.settings import outbound_of, secret_of, target_of

Clock = Callable[[], float]
"""Epoch seconds; robots sign the time."""


class WecomRobot:
    """Robot of a WeCom group. Source: developer.work.weixin.qq.com, document 91770, and 90313 for the codes."""

    addressed = False
    _LIMIT = 2048
    """Bytes of a text."""
    _FINAL = frozenset({93000, 93004, 93008, 40008, 40058, 44004, 45002})
    """93000 no such robot; 93004 robot disabled; 93008 not in the group; the others: a malformed message."""
    _WAITS: Mapping[int, float] = {45009: 60.0, 45033: 10.0}
    """20 messages a minute; too many at once."""

    def __init__(self, channel: WecomRobotChannel) -> None:
        self._outbound = outbound_of(channel)
        self._url = target_of(channel, self._outbound, channel.url_file)

    def send(self, message: Message, address: str = "") -> str:  # noqa: ARG002
        """See :class:`Sender`."""
        body = {"msgtype": "text", "text": {"content": fitted(message, self._LIMIT, utf8)}}
        answer = self._outbound.post(self._url, json.dumps(body, ensure_ascii=False).encode(), JSON)
        said_zero(answer, ["errcode"], final=self._FINAL, waits=self._WAITS)
        return "errcode 0"


class DingtalkRobot:
    """Robot of a DingTalk group, signed where it has a secret. Source: open.dingtalk.com, custom robot."""

    addressed = False
    _LIMIT = 18_000
    """Bytes; a message has 20,000 at most."""
    _FINAL = frozenset({310000, 300001, 300005, 400013, 400101, 400102, 400106, 40035, 430101, 430102, 430103, 430104})
    """310000 word, signature or address is not as the robot's security settings want; 300001, 300005, 400101 no such
    token; 400013 group dissolved; 400102 disabled; 400106 no such robot; 40035, 4301xx: the content."""
    _WAITS: Mapping[int, float] = {130101: 600.0, 410100: 600.0}
    """More than 20 messages a minute: refused for ten minutes."""

    def __init__(self, channel: DingtalkChannel, clock: Clock = time.time) -> None:
        self._outbound = outbound_of(channel)
        self._url = target_of(channel, self._outbound, channel.url_file)
        self._secret = secret_of(channel, channel.secret_file) if channel.secret_file else ""
        self._clock = clock

    def send(self, message: Message, address: str = "") -> str:  # noqa: ARG002
        """See :class:`Sender`."""
        url = self._url + (dingtalk_signature(self._secret, int(self._clock() * 1000)) if self._secret else "")
        body = {"msgtype": "text", "text": {"content": fitted(message, self._LIMIT, utf8)}}
        answer = self._outbound.post(url, json.dumps(body, ensure_ascii=False).encode(), JSON)
        said_zero(answer, ["errcode"], final=self._FINAL, waits=self._WAITS)
        return "errcode 0"


class FeishuRobot:
    """Robot of a Feishu group, signed where it has a secret. Source: open.feishu.cn, custom bot guide."""

    addressed = False
    _LIMIT = 18_000
    """Bytes; a request has 20 KB at most."""
    _FINAL = frozenset({9499, 19001, 19021, 19022, 19024})
    """9499 malformed; 19001 no such robot; 19021 signature or time; 19022 address; 19024 word, as the robot's security
    settings want."""
    _WAITS: Mapping[int, float] = {11232: 60.0}
    """100 messages a minute, 5 a second."""

    def __init__(self, channel: FeishuChannel, clock: Clock = time.time) -> None:
        self._outbound = outbound_of(channel)
        self._url = target_of(channel, self._outbound, channel.url_file)
        self._secret = secret_of(channel, channel.secret_file) if channel.secret_file else ""
        self._clock = clock

    def send(self, message: Message, address: str = "") -> str:  # noqa: ARG002
        """See :class:`Sender`."""
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": fitted(message, self._LIMIT, utf8)}}
        if self._secret:
            at = int(self._clock())
            body |= {"timestamp": str(at), "sign": feishu_signature(self._secret, at)}
        answer = self._outbound.post(self._url, json.dumps(body, ensure_ascii=False).encode(), JSON)
        said_zero(answer, ["code", "StatusCode"], final=self._FINAL, waits=self._WAITS)
        return "code 0"


def dingtalk_signature(secret: str, at: int) -> str:
    """What a signed DingTalk URL has more: the time in ms, and HMAC-SHA256 of ``time\\nsecret`` under the secret."""
    digest = hmac.new(secret.encode(), f"{at}\n{secret}".encode(), hashlib.sha256).digest()
    return f"&timestamp={at}&sign={quote_plus(base64.b64encode(digest))}"


def feishu_signature(secret: str, at: int) -> str:
    """Feishu's signature: HMAC-SHA256 of nothing under ``time\\nsecret``, the time in s."""
    return base64.b64encode(hmac.new(f"{at}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()
