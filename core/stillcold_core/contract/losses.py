"""What a gateway says it has lost: a part of the batch, so it is signed and chained as readings are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stillcold_core.contract.errors import BadBatch
from stillcold_core.contract.names import END_OF_TIME, checked_name

MOST_GAPS = 256
"""Gap records in a batch."""
MOST_NAMED = 1024
"""Points that a gap record names."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap record.

    Attributes
    ----------
    reason : str
        ``full``, ``age``, ``disk_error``, ``gone``, ``damaged`` or ``rekeyed``.
    first, until : int
        Sequences. Of these, what the server does not have will never come. Where ``until`` is ``first - 1``, what was
        lost had no sequence yet: it would have stood before ``first``.
    epoch : bytes, optional
        The epoch of the sequences; None is the batch's own.
    begun, ended : int, optional
        ms since 1970: time of the first and last sample that was lost; both None where that is not known.
    points : tuple of str
        Whose samples they were; empty where that is not known.
    """

    reason: str
    first: int
    until: int
    epoch: bytes | None = None
    begun: int | None = None
    ended: int | None = None
    points: tuple[str, ...] = ()


def encode_gaps(gaps: Sequence[Gap]) -> list[dict[str, Any]]:
    """The batch's key ``gaps``."""
    return [_encode(gap) for gap in gaps]


def decode_gaps(content: Any) -> tuple[Gap, ...]:
    """Read the batch's key ``gaps``.

    Raises
    ------
    BadBatch
        When it is no list of gap records, or too long.
    """
    if not isinstance(content, list):
        raise BadBatch("expected a list of gap records")
    if len(content) > MOST_GAPS:
        raise BadBatch(f"{len(content)} gap records", "too_large")
    return tuple(_decode(record) for record in content)


def _encode(gap: Gap) -> dict[str, Any]:
    found: dict[str, Any] = {"reason": gap.reason, "first": gap.first, "until": gap.until}
    if gap.epoch is not None:
        found["epoch"] = gap.epoch
    if gap.begun is not None and gap.ended is not None:
        found |= {"from": gap.begun, "to": gap.ended}
    return found | {"points": list(gap.points)} if gap.points else found


def _decode(content: Any) -> Gap:
    match content:
        case {"reason": str(reason), "first": int(first), "until": int(until)} if (
            0 < first <= until + 1 <= 2**63 > first
        ):
            if not isinstance(first, bool) and not isinstance(until, bool):
                begun, ended = _period(content)
                return Gap(checked_name(reason), first, until, _epoch(content), begun, ended, _points(content))
    raise BadBatch("a gap record's field is missing or of the wrong type")


def _epoch(content: dict[str, Any]) -> bytes | None:
    epoch = content.get("epoch")
    if epoch is None or (isinstance(epoch, bytes) and len(epoch) == 8):
        return epoch
    raise BadBatch("expected 8 bytes that name an epoch")


def _period(content: dict[str, Any]) -> tuple[int | None, int | None]:
    match content:
        case {"from": bool()} | {"to": bool()}:
            raise BadBatch("a gap record's times are truth values")
        case {"from": int(begun), "to": int(ended)} if 0 <= begun <= ended < END_OF_TIME:
            return begun, ended
        case {"from": _} | {"to": _}:
            raise BadBatch("a gap record's times are no period")
    return None, None


def _points(content: dict[str, Any]) -> tuple[str, ...]:
    points = content.get("points", [])
    if not isinstance(points, list):
        raise BadBatch("expected a list of points")
    if len(points) > MOST_NAMED:
        raise BadBatch(f"a gap record of {len(points)} points", "too_large")
    return tuple(checked_name(point) for point in points)
