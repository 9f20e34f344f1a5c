"""When a meter that does not answer is asked again."""

_LONGEST = 60.0  # s


class Breaker:
    """Back-off of one meter: after each failure in a row it is left alone twice as long.

    Parameters
    ----------
    rest : float
        Seconds after the first failure. On a serial line it is the time in which a late answer may still come and
        would be taken for the next one's.
    """

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._failures = 0
        self._asked_again = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it did not answer when it was asked last."""
        return self._failures > 0

    def allows(self, monotonic: float) -> bool:
        """Whether it may be asked now."""
        return monotonic >= self._asked_again

    def failed(self, monotonic: float) -> None:
        """Nothing usable came in time."""
        self._failures += 1
        pause = self._rest if self._failures == 1 else min(2.0 ** (self._failures - 1), _LONGEST)
        self._asked_again = monotonic + pause

    def succeeded(self) -> None:
        """It answered."""
        self._failures, self._asked_again = 0, 0.0

    def ask_soon(self, monotonic: float) -> None:
        """Allow one attempt, without forgetting the failures."""
        self._asked_again = min(self._asked_again, monotonic)
