"""Messages of a WeCom application to members.

Source: developer.work.weixin.qq.com, documents 91039 (access token), 90236 (sending), 90313 (codes).
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from stillcold_server.alerts.channels import WecomAppChannel
from stillcold_server.alerts.message import Message
from stillcold_server.alerts.senders.answers import JSON, Coded, said_zero
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.fitting import fitted, utf8
from stillcold_server.alerts.senders.settings import outbound_of, secret_of, target_of

_LIMIT = 2048
"""Bytes of a text."""
_STALE = frozenset({40014, 41001, 42001})
"""Codes of an access token that is no more."""
_FINAL = frozenset({40001, 40003, 40013, 40056, 40058, 44004, 48002, 60011, 60020, 81013, 301002})
"""Secret, member, company or agent is wrong; not allowed for the application or from this address (60020)."""
_WAITS: Mapping[int, float] = {45009: 60.0, 45033: 10.0}
_EARLY = 300.0
"""s before its end that a token is renewed."""


class WecomApp:
    """Writes to one member, whose user id is the address; the access token is kept until it ends."""

    addressed = True

    def __init__(self, channel: WecomAppChannel, clock: Callable[[], float] = time.time) -> None:
        self._outbound = outbound_of(channel)
        self._base = target_of(channel, self._outbound).rstrip("/")
        self._secret = secret_of(channel, channel.secret_file)
        self._corp, self._agent, self._clock = channel.corp_id, channel.agent_id, clock
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def send(self, message: Message, address: str = "") -> str:
        """See :class:`Sender`."""
        if not address or "|" in address:  # it would separate several, of whom some may have been told already
            raise NotDelivered("expected the user id of one member as address", permanent=True)
        body = {
            "touser": address, "msgtype": "text", "agentid": self._agent,
            "text": {"content": fitted(message, _LIMIT, utf8)},
        }  # fmt: skip
        try:
            return self._post(body)
        except Coded as error:
            if error.code not in _STALE:
                raise
            self._forget()
            return self._post(body)

    def _post(self, body: Mapping[str, Any]) -> str:
        url = f"{self._base}/cgi-bin/message/send?{urlencode({'access_token': self._valid_token()})}"
        answer = self._outbound.post(url, json.dumps(body, ensure_ascii=False).encode(), JSON)
        said = said_zero(answer, ["errcode"], final=_FINAL, waits=_WAITS)
        for name in ("invaliduser", "unlicenseduser"):
            if said.get(name):
                raise NotDelivered(f"errcode 0, but {name}: {said[name]}", permanent=True)
        return f"errcode 0, msgid {said.get('msgid', '')}"

    def _valid_token(self) -> str:
        with self._lock:
            if self._clock() >= self._until:
                query = urlencode({"corpid": self._corp, "corpsecret": self._secret})
                answer = self._outbound.get(f"{self._base}/cgi-bin/gettoken?{query}")
                said = said_zero(answer, ["errcode"], final=_FINAL, waits=_WAITS)
                token, seconds = said.get("access_token"), said.get("expires_in")
                if not isinstance(token, str) or not isinstance(seconds, int):
                    raise NotDelivered("errcode 0, but no access token came")
                self._token, self._until = token, self._clock() + seconds - _EARLY
            return self._token

    def _forget(self) -> None:
        with self._lock:
            self._until = 0.0
