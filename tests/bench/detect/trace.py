"""What a judge said of one stream, so that every threshold can be tried on it afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stillcold_core.samples import Floats

DAY, YEAR = 86400.0, 365.25
OURS = "Stillcold"
_TAPPING = 180.0  # s that a charge is being tapped, at least


@dataclass(frozen=True)
class Heats:
    """Heats of a hidden furnace: s at which each begins and ends, and W on its plateau."""

    times: Sequence[tuple[float, float]] = ()
    power: float = 0.0

    def energy(self, until: float) -> float:
        """Wh melted by then; a heat takes nine tenths of its plateau on average."""
        return 0.9 * self.power * sum(max(0.0, min(until, b) - a) for a, b in self.times) / 3600


@dataclass(frozen=True)
class Trace:
    """One judge on one stream.

    Attributes
    ----------
    family, kind, meter, judge, split : str
        What was played, on which meter, who judged, and what the site is for.
    site : int
        Its number.
    cadence : float
        s
    days : float
        Meter-days in which there was nothing to find.
    honest : list of float
        The highest score of each of those days.
    begins, lasts : float
        s from the beginning of the stream, and from then on, of what there was to find; begins below 0: nothing.
    rise : list of pairs
        (s since it began, score), each higher than all before.
    heats : Heats
        Of a furnace, in s since the first began.
    """

    family: str
    kind: str
    meter: str
    judge: str
    split: str
    site: int
    cadence: float
    days: float
    honest: list[float]
    begins: float = -1.0
    lasts: float = 0.0
    rise: list[tuple[float, float]] = field(default_factory=list)
    heats: Heats = field(default_factory=Heats)

    def false(self, threshold: float) -> int:
        """Days with a false alert."""
        return sum(score >= threshold for score in self.honest)

    def delay(self, threshold: float) -> float | None:
        """s from the beginning of what there was to find to its alert."""
        return next((t for t, score in self.rise if score >= threshold), None)

    def within(self, threshold: float, heats: int) -> bool:
        """Whether it was found by the second reading after the end of so many heats, or while the last was tapped."""
        delay = self.delay(threshold)
        if delay is None or not self.heats.times:
            return False
        ended = self.heats.times[min(heats, len(self.heats.times)) - 1][1]
        return delay <= ended + max(2 * self.cadence, _TAPPING)


def daily(times: Floats, scores: Floats, days: float) -> list[float]:
    """Highest score of each day of a stream whose times are s from its beginning."""
    found = [float("-inf")] * max(1, int(np.ceil(days)))
    for day, score in zip((times // DAY).astype(int).tolist(), scores.tolist(), strict=True):
        if day < len(found):
            found[day] = max(found[day], score)
    return found


def rising(times: Floats, scores: Floats) -> list[tuple[float, float]]:
    """Each moment at which a score is higher than all before."""
    found: list[tuple[float, float]] = []
    for time, score in zip(times.tolist(), scores.tolist(), strict=True):
        if score > (found[-1][1] if found else float("-inf")):
            found.append((time, score))
    return found
