"""Rows of heats that a feeder has shown before: whoever has run them for long need not be hiding a furnace."""

from collections.abc import Sequence

import msgspec

_POWER, _LENGTH = 0.15, 0.3  # share by which what may be one load's cycles differ at most
_SAME = 0.5  # of that, where they are counted as one's
_BEFORE = 4 * 3600.0  # s between what is known and what it is compared with, at least
_MEMORY = 30 * 86400.0
_MOST = 16


class Habit(msgspec.Struct, frozen=True):
    """A load that works in cycles.

    Attributes
    ----------
    power : float
        W of its plateau, above the other loads.
    full : float
        s at full power of each cycle.
    first, last : float
        s at which it was seen first, and last.
    """

    power: float
    full: float
    first: float
    last: float


def known(habits: Sequence[Habit], power: float, full: float, began: float) -> bool:
    """Whether such cycles had been seen hours before the row that began then."""
    return any(h.first < began - _BEFORE and _alike(h, power, full, 1.0) for h in habits)


def learned(habits: Sequence[Habit], power: float, full: float, now: float) -> tuple[Habit, ...]:
    """Habits after a row of heats that ends now."""
    kept = [h for h in habits if now - h.last < _MEMORY]
    same = next((h for h in kept if _alike(h, power, full, _SAME)), Habit(power, full, now, now))
    others = [h for h in kept if h is not same]
    return (*others[-_MOST + 1 :], msgspec.structs.replace(same, last=now))


def _alike(habit: Habit, power: float, full: float, share: float) -> bool:
    return abs(habit.power / power - 1) < share * _POWER and abs(habit.full / full - 1) < share * _LENGTH
