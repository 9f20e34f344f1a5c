"""Where a gateway's wall clock was moved: a part of the batch, so it is signed and chained as readings are."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from stillcold_core.contract.errors import BadBatch

MOST_STEPS = 256
"""Steps in a batch."""
_LONGEST = 1 << 53  # ms; beyond any clock


class Step(NamedTuple):
    """One step of the clock.

    Attributes
    ----------
    monotonic : int
        ms of the gateway's monotonic clock when it was seen.
    moved : int
        ms by which the wall clock was moved against it; below 0, it was set back.
    """

    monotonic: int
    moved: int


def decode_steps(content: Any) -> tuple[Step, ...]:
    """Read the batch's key ``steps``.

    Raises
    ------
    BadBatch
        When it is no list of steps, or too long.
    """
    if not isinstance(content, list):
        raise BadBatch("expected a list of steps of the clock")
    if len(content) > MOST_STEPS:
        raise BadBatch(f"{len(content)} steps of the clock", "too_large")
    return tuple(_decode(step) for step in content)


def encode_steps(steps: Sequence[Step]) -> list[list[int]]:
    """The batch's key ``steps``."""
    return [list(step) for step in steps]


def _decode(content: Any) -> Step:
    match content:
        case [int(monotonic), int(moved)] if not isinstance(monotonic, bool) and not isinstance(moved, bool):
            if 0 <= monotonic < _LONGEST and 0 < abs(moved) < _LONGEST:
                return Step(monotonic, moved)
    raise BadBatch("a step of the clock is not two numbers")
