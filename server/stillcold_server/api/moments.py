"""Times at the API's edge: ms inside, ISO 8601 in UTC outside."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from stillcold_core.detect.findings import iso
from stillcold_server.days import DAY

_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
"""ms: what dates can be."""
_SCHEMA = {"type": "string", "format": "date-time", "examples": ["2026-01-01T00:00:00.000Z"]}


def from_iso(text: object) -> int:
    """ms of a time with an offset.

    A ``+`` that stands unescaped in a query arrives as a space and is taken for what was meant.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> from_iso("2026-01-01T08:00:00+08:00") == from_iso("2026-01-01T00:00:00Z") == 1767225600000
    True
    """
    if isinstance(text, int):
        return _within(text, 0)
    try:
        moment = datetime.fromisoformat(str(text).replace(" ", "+"))
    except ValueError:
        raise ValueError("expected ISO 8601, e.g. 2026-01-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("expected an offset, e.g. 2026-01-01T00:00:00Z or 2026-01-01T08:00:00+08:00")
    return _within(round(moment.timestamp() * 1000), DAY)  # so that no local time leaves what dates can be


def _within(ms: int, room: int) -> int:
    if not _FIRST + room <= ms <= _LAST - room:
        raise ValueError("expected a time from 0001-01-02 to 9999-12-30 in UTC")
    return ms


def to_iso(ms: int) -> str:
    """ISO 8601 of ms.

    Examples
    --------
    >>> to_iso(1767225600250)
    '2026-01-01T00:00:00.250Z'
    """
    return iso(ms / 1000)


Moment = Annotated[
    int,
    BeforeValidator(from_iso),
    PlainSerializer(to_iso, return_type=str, when_used="json"),
    WithJsonSchema(_SCHEMA),
]
"""ms UTC in Python; ISO 8601 in UTC with milliseconds in JSON."""
