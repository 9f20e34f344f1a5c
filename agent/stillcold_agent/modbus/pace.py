"""Who may take how much of a bus: a meter that answers slowly must not make all others late."""

from collections.abc import Sequence
from statistics import median

from stillcold_agent.meters import Meter

_MANY = 4.0
"""Multiple of what a reading takes on this bus, from which on a meter is a slow one."""
_LEAST = 0.05  # s; what is faster makes nobody late
_WEIGHT = 0.3  # of the newest reading in what a meter is said to take


class Pace:
    """Learns what each meter's reading takes; slow ones come last, and get a fifth of the time all together.

    Parameters
    ----------
    meters : sequence of Meter
        All of the bus.
    """

    def __init__(self, meters: Sequence[Meter]) -> None:
        self._meters = meters
        self._takes = {m.point: 0.0 for m in meters}
        self._ended = {m.point: 0.0 for m in meters}
        self._limit = float("inf")
        self._free = 0.0

    def order(self) -> list[Meter]:
        """The meters, slow ones last, and of those first who has waited longest."""
        self._limit = max(_MANY * median(self._takes.values()), _LEAST)
        return sorted(self._meters, key=lambda m: self._ended[m.point] if self._is_slow(m) else -1.0)

    def wait(self, meter: Meter, monotonic: float) -> float:
        """Seconds until a meter may be read; 0 or less: now."""
        return self._free - monotonic if self._is_slow(meter) else 0.0

    def _is_slow(self, meter: Meter) -> bool:
        return self._takes[meter.point] > self._limit

    def took(self, meter: Meter, monotonic: float, seconds: float) -> None:
        """A meter has answered: when that ended, and how long it took."""
        self._ended[meter.point] = monotonic
        self.lost(monotonic, seconds)
        self._takes[meter.point] += _WEIGHT * (seconds - self._takes[meter.point])

    def lost(self, monotonic: float, seconds: float) -> None:
        """A reading ended that took so long, answered or not: a slow meter and a dead one do not follow each other."""
        if seconds > self._limit:
            self._free = monotonic + _MANY * seconds
