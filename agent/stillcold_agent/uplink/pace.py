"""How fast a backlog may leave."""


class Pace:
    """A token bucket; every moment comes in as a value, in seconds of one monotonic clock.

    Parameters
    ----------
    rate : float
        Tokens a second.
    burst : int
        Tokens at most, and at the beginning.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at = float(burst), 0.0

    def available(self, now: float) -> int:
        """Whole tokens that there are."""
        self._tokens = min(self._tokens + max(now - self._at, 0.0) * self._rate, self._burst)
        self._at = now
        return int(self._tokens)

    def take(self) -> None:
        """Use one."""
        self._tokens -= 1

    def next_in(self, now: float) -> float:
        """s until there is a whole one; 0 where there is."""
        return 0.0 if self.available(now) else (1 - self._tokens) / self._rate
