"""Simulated time, run from the real one."""

import time
from datetime import UTC, datetime


class Clock:
    """Simulated seconds since it was made, ``speed`` of them in a real one.

    Parameters
    ----------
    speed : float
        Simulated seconds in a real one.

    Attributes
    ----------
    started : float
        UTC when it was made, s since 1970-01-01.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.started = time.time()
        self._from = time.monotonic()

    def now(self) -> float:
        """Simulated s."""
        return (time.monotonic() - self._from) * self.speed

    def wall(self, t: float) -> float:
        """UTC at which simulated time was, or will be, ``t``; s since 1970-01-01."""
        return self.started + t / self.speed


def iso(wall: float) -> str:
    """UTC as ISO 8601 with milliseconds.

    Examples
    --------
    >>> iso(0.0)
    '1970-01-01T00:00:00.000Z'
    """
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
