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
    troubles : sequence of Trouble
        Those that concern it.
    now : callable
        s since the start.
    chance : Generator
        Decides where a trouble has a share.
    """

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
        return max((t.end - self.now() for t in self._active("stall")), default=0.0)

    def rate(self) -> float:
        """Bytes a second that pass."""
        return min((t.rate for t in self._active("bandwidth")), default=float("inf"))

    def _longest(self, what: str) -> float:
        return max((t.delay_ms for t in self._active(what) if self._hit(t)), default=0.0)

    def _active(self, what: str) -> Sequence[Trouble]:
        now = self.now()
        return [t for t in self.troubles if t.what == what and t.covers(now)]

    def _hit(self, trouble: Trouble) -> bool:
        return trouble.share == 1 or self.chance.random() < trouble.share


def weather(troubles: Sequence[Trouble], route: str, direction: Direction, now: _Now, chance: Generator) -> Weather:
    """The weather of one direction of one route."""
    return Weather([t for t in troubles if t.concerns(route, direction)], now, chance)
