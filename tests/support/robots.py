"""Imitations of the robots of chat groups: they answer 200 whatever happens, and say it in the body."""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qs, urlsplit

from support.webhook import Request, WebhookReceiver


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


class WecomGroup(WebhookReceiver):
    """The robot of a WeCom group, after developer.work.weixin.qq.com, document 91770 and its codes (90313)."""

    def answer(self, request: Request) -> tuple[int, bytes]:
        """As the service does: the key, the type, the length, and 20 messages a minute."""
        key = parse_qs(urlsplit(request.path).query).get("key")
        if key != ["good"]:
            return 200, _json(errcode=93000, errmsg="invalid webhook url, hint: [1], more info at https://open.work…")
        content = request.json.get("text", {}).get("content", "")
        if request.json.get("msgtype") != "text" or not content:
            return 200, _json(errcode=44004, errmsg="empty content")
        if len(content.encode()) > 2048:
            return 200, _json(errcode=45002, errmsg="content size out of limit")
        if len(self.requests) > 20:
            return 200, _json(errcode=45009, errmsg="api freq out of limit")
        return 200, _json(errcode=0, errmsg="ok")


class DingtalkGroup(WebhookReceiver):
    """A signed robot of a DingTalk group, after open.dingtalk.com, "custom robot access"."""

    secret = "SECabc"  # of this imitation only

    def answer(self, request: Request) -> tuple[int, bytes]:
        """As the service does: the token, the signature within an hour, and 20 messages a minute."""
        query = parse_qs(urlsplit(request.path).query)
        if query.get("access_token") != ["good"]:
            return 200, _json(errcode=300001, errmsg="token is not exist")
        at, sign = query.get("timestamp", ["0"])[0], query.get("sign", [""])[0]
        if abs(int(at) / 1000 - time.time()) > 3600:
            return 200, _json(errcode=310000, errmsg="invalid timestamp")
        right = base64.b64encode(hmac.digest(self.secret.encode(), (at + "\n" + self.secret).encode(), "sha256"))
        if sign != right.decode():
            return 200, _json(errcode=310000, errmsg="sign not match, more: [https://ding-doc.dingtalk.com/…]")
        if len(self.requests) > 20:
            return 200, _json(errcode=130101, errmsg="send too fast, exceed 20 times per minute")
        return 200, _json(errcode=0, errmsg="ok")


class FeishuGroup(WebhookReceiver):
    """A signed robot of a Feishu group, after open.feishu.cn, "custom bot usage guide"."""

    secret = "abc"  # of this imitation only

    def answer(self, request: Request) -> tuple[int, bytes]:
        """As the service does; a success has both the new and the old field of the code."""
        if not request.path.endswith("/good"):
            return 400, _json(code=19001, msg="param invalid: incoming webhook access token invalid")
        body = request.json
        right = hmac.new(f"{body.get('timestamp')}\n{self.secret}".encode(), digestmod=hashlib.sha256).digest()
        if body.get("sign") != base64.b64encode(right).decode() or abs(int(body["timestamp"]) - time.time()) > 3600:
            return 200, _json(code=19021, msg="sign match fail or timestamp is not within one hour from current time")
        if body.get("msg_type") != "text" or not body.get("content", {}).get("text"):
            return 200, _json(code=9499, msg="Bad Request", data={})
        if len(self.requests) > 100:
            return 200, _json(code=11232, msg="frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]")
        return 200, _json(StatusCode=0, StatusMessage="success", code=0, data={}, msg="success")


class WecomOffice(WebhookReceiver):
    """A WeCom application, after developer.work.weixin.qq.com, documents 91039 and 90236.

    Attributes
    ----------
    tokens : list of str
        Those that it has given out; only the last one is good.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[str] = []

    def answer(self, request: Request) -> tuple[int, bytes]:
        """A token for the secret, a message to the members ``zhang`` and ``wang``."""
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        if parts.path == "/cgi-bin/gettoken" and request.method == "GET":
            return 200, self._token(query.get("corpid"), query.get("corpsecret"))
        if parts.path != "/cgi-bin/message/send" or request.method != "POST":
            return 404, b"<html>"
        if query.get("access_token") != self.tokens[-1:]:
            return 200, _json(errcode=42001, errmsg="access_token expired")
        return 200, self._sent(request.json)

    def _token(self, corp: list[str] | None, secret: list[str] | None) -> bytes:
        if (corp, secret) != (["ww1"], ["s"]):
            return _json(errcode=40001, errmsg="invalid credential")
        self.tokens.append(f"token-{len(self.tokens)}")
        return _json(errcode=0, errmsg="ok", access_token=self.tokens[-1], expires_in=7200)

    @staticmethod
    def _sent(body: dict[str, object]) -> bytes:
        match body.get("touser"):
            case "zhang" | "wang":
                return _json(errcode=0, errmsg="ok", invaliduser="", msgid="m1")
            case "gone":  # with others beside it the service answers 0 and names it; alone it is code 81013
                return _json(errcode=0, errmsg="ok", invaliduser="gone", msgid="m1")
            case _:
                return _json(errcode=81013, errmsg="user & party & tag all invalid")
