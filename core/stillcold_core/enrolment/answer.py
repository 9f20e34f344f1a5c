"""What the authority answers, and the one-time code that both sides prove to know without saying it.

A fresh gateway trusts nobody yet, its clock may be years behind, and the network between belongs to the plant. So the
code, and not TLS, is what proves who asks and who answers: both carry an HMAC-SHA256 under a key made of the code.

::

    BadAnswer (ValueError)      what came is no answer of the authority
"""

import hashlib
import hmac
from typing import Literal

import msgspec

from stillcold_core.enrolment.request import Request

State = Literal["waiting", "approved", "refused", "revoked"]
LONGEST_ANSWER = 32768
"""Bytes of an answer."""


class BadAnswer(ValueError):
    """What came is no answer of the authority."""


class Answer(msgspec.Struct, frozen=True):
    """What has become of a request.

    Attributes
    ----------
    state : str
        ``waiting`` for an officer, ``approved``, ``refused``, or ``revoked`` for ever.
    certificate : str
        PEM, followed by those between it and the root, where it is approved.
    root : str
        PEM of what is to be trusted.
    mac : str
        Hexadecimal, over the request and all of this; empty where no code is known for the gateway.
    """

    state: State
    certificate: str
    root: str
    mac: str


def code_key(code: str) -> bytes:
    """The key that is made of a code; capitals, hyphens and spaces do not matter.

    Examples
    --------
    >>> code_key("k7wq-m2xd-9fhe-tz4p") == code_key("K7WQ M2XD 9FHE TZ4P")
    True
    """
    letters = "".join(c for c in code.casefold() if c.isalnum())
    return hashlib.sha256(b"stillcold enrolment code\0" + letters.encode()).digest()


def request_mac(key: bytes, request: Request) -> str:
    """Proves that whoever asks knows the code."""
    return _mac(key, "request", request)


def answer_mac(key: bytes, request: Request, answer: Answer) -> str:
    """Proves that whoever answers this request knows the code."""
    return _mac(key, "answer", request, answer.state, answer.certificate, answer.root)


def same(first: str, second: str) -> bool:
    """Whether two codes of authentication are the same, found out in the same time wherever they differ."""
    return hmac.compare_digest(first.encode(), second.encode())


def read_answer(content: bytes) -> Answer:
    """Read an answer.

    Raises
    ------
    BadAnswer
        When it is none.
    """
    if len(content) > LONGEST_ANSWER:
        raise BadAnswer(f"expected an answer of at most {LONGEST_ANSWER} bytes")
    try:
        return msgspec.json.decode(content, type=Answer)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadAnswer("expected an answer of the authority") from error


def _mac(key: bytes, kind: str, request: Request, *parts: str) -> str:
    content = [kind.encode(), request.digest, *(p.encode() for p in parts)]
    return hmac.new(key, b"".join(len(c).to_bytes(4) + c for c in content), "sha256").hexdigest()
