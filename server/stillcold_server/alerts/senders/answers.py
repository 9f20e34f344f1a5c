"""Reading what the other side answered: the status, and what the body says of itself.

::

    NotDelivered
     └ Coded                      with the code that the body named
"""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from stillcold_core.files import shorten
from stillcold_server.alerts.senders.base import NotDelivered
from stillcold_server.alerts.senders.outbound import Answer

JSON = {"Content-Type": "application/json; charset=utf-8"}
_TRANSIENT = (408, 425, 429)
_LONGEST = 3600.0
"""s that another side can have us wait, whatever it asks for."""


class Coded(NotDelivered):
    """The body named a code that does not say that the message was taken.

    Parameters
    ----------
    code : object
        As it stood there.
    """

    def __init__(self, detail: str, *, code: object, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(detail, permanent=permanent, retry_after=retry_after)
        self.code = code


def refusal(answer: Answer) -> NotDelivered:
    """What a status other than 2xx means: 408, 425, 429 and 5xx pass, all others come again."""
    permanent = answer.status < 500 and answer.status not in _TRANSIENT
    return NotDelivered(
        f"HTTP {answer.status}: {shorten(answer.text, 200)}", permanent=permanent, retry_after=_retry_after(answer)
    )


def body_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises
    ------
    NotDelivered
        When it has another status than 2xx and no JSON object, or none: it does not say that it took the message.
    """
    try:
        body = json.loads(answer.text)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    if not answer.fine:
        raise refusal(answer)
    raise NotDelivered(f"HTTP {answer.status}, but no JSON object came: {shorten(answer.text, 200)}")


def said_zero(
    answer: Answer, names: Collection[str], *, final: Collection[int], waits: Mapping[int, float]
) -> dict[str, Any]:
    """The body of an answer whose code is 0.

    Parameters
    ----------
    names : collection of str
        Of the field with the code; the first that is there counts.
    final : collection of int
        Codes that come again with the same message.
    waits : mapping of int to float
        Codes of a limit, and the seconds after which it has passed.

    Raises
    ------
    Coded
        When the code is another. One that is not known may pass.
    NotDelivered
        When there is no code: then nothing says that the message was taken.
    """
    body = body_of(answer)
    code = next((body[name] for name in names if name in body), None)
    if code is None and not answer.fine:
        raise refusal(answer)
    if code == 0 and not isinstance(code, bool):
        return body
    known = code if isinstance(code, int) else None
    raise Coded(
        f"HTTP {answer.status}, code {shorten(code)}: {shorten(answer.text, 200)}",
        code=code,
        permanent=known in final,
        retry_after=waits.get(known) if known is not None else None,
    )


def succeeded(answer: Answer, rule: str) -> str:
    """What an answer said that is 2xx and follows a rule ``path=value``; the rule may be empty.

    Raises
    ------
    NotDelivered
    """
    if not answer.fine:
        raise refusal(answer)
    if not rule:
        return f"HTTP {answer.status}"
    path, _, expected = rule.partition("=")
    node: Any = body_of(answer)
    for step in path.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    got = node if isinstance(node, str) else json.dumps(node)
    if got != expected:
        raise NotDelivered(f"HTTP {answer.status}, but {path} is {shorten(got)}: {shorten(answer.text, 200)}")
    return f"HTTP {answer.status}, {path}={got}"


def _retry_after(answer: Answer) -> float | None:
    """Seconds (RFC 9110, section 10.2.3), at most an hour; None where nothing is said."""
    said = answer.headers.get("retry-after", "")
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), _LONGEST)
    try:
        seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST)
