"""Rows of heats that a feeder has shown before: whoever has run them for long need not be hiding a furnace."""

from collections.abc import Sequence

import msgspec

_ALIKE, _SAME = 0.2, 0.1  # share by which plateaus differ at most that may be, that are one load's
_BEFORE = 4 * 3600.0  # s between what is known and what it is compared with, at least
_MEMORY = 30 * 86400.0
_MOST = 12


class Habit(msgspec.Struct, frozen=True):
    """A load that works in cycles.

    Attributes
    ----------
    power : float
        W of its plateau, above the other loads.
    first, last : float
        s at which it was seen first, and last.
    """

    power: float
    first: float
    last: float


def known(habits: Sequence[Habit], power: float, began: float) -> bool:
    """Whether such a load had been seen for hours before the row that began then."""
    return any(h.first < began - _BEFORE and abs(h.power / power - 1) < _ALIKE for h in habits)


def learned(habits: Sequence[Habit], power: float, now: float) -> tuple[Habit, ...]:
    """Habits after a row of heats that ends now."""
    kept = [h for h in habits if now - h.last < _MEMORY]
    same = next((h for h in kept if abs(h.power / power - 1) < _SAME), Habit(power, now, now))
    others = [h for h in kept if h is not same]
    return (*others[-_MOST + 1 :], msgspec.structs.replace(same, last=now))
