"""What the network is like now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from stillcold_sim.proxy.model import Direction, Trouble

_Now = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Weather:
    """The troubles of one direction of one route.

    Parameters
    ----------
    route, direction : str
        Which.
    troubles : sequence of Trouble
        Of all routes; may change.
    now : callable
        s since the start.
    chance : Generator
        Decides where a trouble has a share.
    """

    route: str
    direction: Direction
    troubles: Sequence[Trouble]
    now: _Now
    chance: Generator

    def strikes(self, what: str) -> bool:
        """Whether a piece is hit by a trouble of this kind."""
        return any(self._hit(t) for t in self._active(what))

    def delay(self) -> float:
        """s by which a piece comes late in order: latency, and one retransmission where it was lost."""
        late = sum(t.delay_ms + t.jitter_ms * self.chance.random() for t in self._active("latency") if self._hit(t))
        return (late + self._longest("loss")) / 1000

    def held(self) -> float:
        """s for which a piece is held back while others overtake it."""
        return self._longest("disorder") / 1000

    def stalled_for(self) -> float:
        """s until something passes again."""
        now = self.now()
        return max((t.rest(now) for t in self._active("stall")), default=0.0)

    def rate(self) -> float:
        """Bytes a second that pass."""
        return min((t.rate for t in self._active("bandwidth")), default=float("inf"))

    def _longest(self, what: str) -> float:
        return max((t.delay_ms for t in self._active(what) if self._hit(t)), default=0.0)

    def _active(self, what: str) -> Sequence[Trouble]:
        if not self.troubles:
            return ()
        now = self.now()
        return [t for t in self.troubles if t.what == what and self._here(t) and t.rest(now) > 0]

    def _here(self, trouble: Trouble) -> bool:
        return trouble.concerns(self.route, self.direction)

    def _hit(self, trouble: Trouble) -> bool:
        return trouble.share == 1 or self.chance.random() < trouble.share
