"""Simulated time, run from the real one."""

import time
from datetime import UTC, datetime


class Clock:
    """Simulated seconds since it was made, ``speed`` of them in a real one; it can be held and moved on by hand.

    Parameters
    ----------
    speed : float
        Simulated seconds in a real one.

    Attributes
    ----------
    started : float
        UTC when it was made, s since 1970-01-01.
    speed : float
        While it is not held.
    paused : bool
        Whether it is held.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.paused = False
        self.started = time.time()
        self._t, self._wall, self._real = 0.0, self.started, time.monotonic()

    def now(self) -> float:
        """Simulated s."""
        return self._t if self.paused else self._t + (time.monotonic() - self._real) * self.speed

    def wall(self, t: float) -> float:
        """UTC at which simulated time was, or will be, ``t``; s since 1970-01-01.

        It holds from the last change of the clock on; what :meth:`skip` left out was at the moment of the skip.
        """
        return self._wall + max(0.0, t - self._t) / self.speed

    def run(self, speed: float) -> None:
        """Go on from where it is, so fast."""
        self._keep(self.now())
        self.speed = speed

    def pause(self) -> None:
        """Hold it."""
        self._keep(self.now())
        self.paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._keep(self.now())
        self.paused = False

    def skip(self, lasts: float) -> None:
        """Move it on by ``lasts`` simulated seconds at once."""
        self._keep(self.now() + lasts)

    def _keep(self, t: float) -> None:
        self._t, self._wall, self._real = t, time.time(), time.monotonic()


def iso(wall: float) -> str:
    """UTC as ISO 8601 with milliseconds.

    Examples
    --------
    >>> iso(0.0)
    '1970-01-01T00:00:00.000Z'
    """
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
