"""Imitations of services for text messages, calls and push. Each checks the signature by a way of its own."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.webhook import Request, WebhookReceiver

BLOCKED, LIMITED, LATER = "13800000001", "13800000002", "13800000003"
"""Numbers that are refused for good, that had too many messages, and that fail for once."""


class Aliyun(WebhookReceiver):
    """``SendSms`` and ``SingleCallByTts`` of Alibaba Cloud, and its V3 signature, after help.aliyun.com."""

    key = "key-id", "key-secret"  # of this imitation only

    def answer(self, request: Request) -> tuple[int, bytes]:
        """Errors of the gateway have status 4xx or 5xx, those of the service 200; both name a ``Code``."""
        if not self._signed(request):
            return 400, self._said("SignatureDoesNotMatch", "Specified signature does not match our calculation.")
        asked = dict(parse_qsl(urlsplit(request.path).query))
        match asked.get("PhoneNumbers") or asked["CalledNumber"]:
            case number if number == BLOCKED:
                return 200, self._said("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号")
            case number if number == LIMITED:
                return 200, self._said("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5")
            case number if number == LATER:
                return 503, self._said("ServiceUnavailable", "The request has failed due to a temporary failure.")
        receipt = {"SendSms": {"BizId": "9006^0"}, "SingleCallByTts": {"CallId": "1160^1"}}
        return 200, self._said("OK", "OK", **receipt[request.headers["x-acs-action"]])

    @staticmethod
    def _said(code: str, message: str, **more: str) -> bytes:
        return json.dumps({"RequestId": "R", "Code": code, "Message": message, **more}).encode()

    def _signed(self, request: Request) -> bool:
        scheme, _, rest = request.headers["authorization"].partition(" ")
        said = dict(part.split("=", 1) for part in rest.split(","))
        names = said["SignedHeaders"].split(";")
        at = datetime.strptime(request.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%S%z").timestamp()
        if scheme != "ACS3-HMAC-SHA256" or said["Credential"] != self.key[0] or abs(at - time.time()) > 900:
            return False
        if {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"} - set(names):
            return False
        asked = sorted(parse_qsl(urlsplit(request.path).query))
        query = "&".join(quote(k, safe="-_.~") + "=" + quote(v, safe="-_.~") for k, v in asked)
        headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
        payload = hashlib.sha256(request.body).hexdigest()
        whole = "\n".join([request.method, "/", query, headers, said["SignedHeaders"], payload])
        text = scheme + "\n" + hashlib.sha256(whole.encode()).hexdigest()
        return hmac.new(self.key[1].encode(), text.encode(), "sha256").hexdigest() == said["Signature"]


class TencentCloud(WebhookReceiver):
    """``SendSms`` of Tencent Cloud, 2021-01-11, and its signature v3, after cloud.tencent.com. All answers have 200."""

    key = "secret-id", "secret-key"  # of this imitation only

    def answer(self, request: Request) -> tuple[int, bytes]:
        """A status for the one number, or an error of the whole request."""
        if not self._signed(request):
            error = {"Code": "AuthFailure.SignatureFailure", "Message": "credentials could not be validated"}
            return 200, json.dumps({"Response": {"Error": error, "RequestId": "R"}}).encode()
        (number,) = request.json["PhoneNumberSet"]
        code = {
            f"+86{BLOCKED}": "FailedOperation.PhoneNumberInBlacklist",
            f"+86{LIMITED}": "LimitExceeded.PhoneNumberThirtySecondLimit",
            f"+86{LATER}": "InternalError.Timeout",
        }.get(number, "Ok")
        status = {"SerialNo": "5000:1", "PhoneNumber": number, "Fee": int(code == "Ok"), "Code": code, "Message": code}
        return 200, json.dumps({"Response": {"SendStatusSet": [status], "RequestId": "R"}}).encode()

    def _signed(self, request: Request) -> bool:
        h, at = request.headers, int(request.headers["x-tc-timestamp"])
        date = time.strftime("%Y-%m-%d", time.gmtime(at))
        whole = (
            f"POST\n/\n\ncontent-type:{h['content-type']}\nhost:{h['host']}\nx-tc-action:{h['x-tc-action'].lower()}\n\n"
            f"content-type;host;x-tc-action\n{hashlib.sha256(request.body).hexdigest()}"
        )
        text = f"TC3-HMAC-SHA256\n{at}\n{date}/sms/tc3_request\n{hashlib.sha256(whole.encode()).hexdigest()}"
        key = hmac.digest(b"TC3" + self.key[1].encode(), date.encode(), "sha256")
        key = hmac.digest(hmac.digest(key, b"sms", "sha256"), b"tc3_request", "sha256")
        right = hmac.digest(key, text.encode(), "sha256").hex()
        fresh = abs(at - time.time()) < 300 and h["x-tc-version"] == "2021-01-11"
        return fresh and h["authorization"].endswith(f"Signature={right}")


class Browser:
    """A browser that has subscribed, and reads what is pushed to it (RFC 8291, section 3; RFC 8188)."""

    def __init__(self, endpoint: str) -> None:
        self._key, self._auth = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"
        self._point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _b64(self._point), "auth": _b64(self._auth)}
        self.subscription = json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def read(self, body: bytes) -> bytes:
        """The message in a push request."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        theirs, record = body[21 : 21 + length], body[21 + length :]
        assert len(record) <= size
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        secret = HKDF(hashes.SHA256(), 32, self._auth, b"WebPush: info\0" + self._point + theirs).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
        return AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0").removesuffix(b"\x02")


class PushService(WebhookReceiver):
    """A browser maker's push service (RFC 8030) that wants VAPID (RFC 8292): 201 when it has taken a message.

    Attributes
    ----------
    server_key : str
        ``applicationServerKey`` that the browser subscribed with.
    """

    server_key = ""

    def answer(self, request: Request) -> tuple[int, bytes]:
        """403 for another key or a token for another service, as Mozilla's and Google's do; 410 for who has left."""
        if request.path == "/gone":
            return 410, b'{"code": 410, "errno": 106, "error": "Gone"}'
        if "ttl" not in request.headers or request.headers.get("content-encoding") != "aes128gcm":
            return 400, b""
        return (201, b"") if self._authorised(request) else (403, b"invalid JWT")

    def _authorised(self, request: Request) -> bool:
        scheme, _, rest = request.headers["authorization"].partition(" ")
        said = dict(part.strip().split("=", 1) for part in rest.split(","))
        head, claims, signature = said["t"].split(".")
        raw = _unb64(signature)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unb64(said["k"]))
        key.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        claim = json.loads(_unb64(claims))
        fresh = 0 < claim["exp"] - datetime.now(UTC).timestamp() <= 86400
        origin = f"https://{request.headers['host']}"
        return scheme == "vapid" and said["k"] == self.server_key and claim["aud"] == origin and fresh


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
