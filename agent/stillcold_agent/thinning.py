"""Report by exception: of a line at rest a reading every few seconds is kept, of one that moves every one.

What is kept is always a reading as it came, with its own time; none is repeated, none is averaged. When something
leaves its deadband, the seconds before it are kept too.
"""

from collections import deque

from stillcold_agent.compact import compact
from stillcold_agent.deadbands import Quiet
from stillcold_agent.edge import Verdict
from stillcold_core.detect.cadence import REMEMBERED, longest_between
from stillcold_core.detect.deadline import LINE_VOLTAGES, OFF_DELAY, VOLTAGES
from stillcold_core.readings import Absence, Sample

_AFTER = OFF_DELAY
"""s after the last change in which every reading is kept: the longest dwell of the server's rules."""
_GRID = (*VOLTAGES, *LINE_VOLTAGES, "frequency")
"""Whose last digits are noise on a line at rest."""
_CHOSEN = 8
"""One reading in so many is kept by what it shows."""


class Thinner:
    """Chooses what is kept of the readings of one meter.

    Parameters
    ----------
    quiet : Quiet
        How a line at rest is recorded.
    interval : float
        s between readings.

    Notes
    -----
    Two rules of the server bound the choice. Readings count as missing when none comes for
    :func:`~stillcold_core.detect.cadence.longest_between` after the last one, so the pauses grow only as that allows.
    And a replay is known by readings that were shown before: a pause ends early at a reading that is chosen by the
    digits it shows, so that of a sequence shown twice the same readings are kept, whenever it is shown.
    """

    def __init__(self, quiet: Quiet, interval: float) -> None:
        self._bands = tuple(quiet.deadbands.items())
        self._quiet, self._interval = quiet, interval
        self._waiting: deque[Sample] = deque(maxlen=1 + int(quiet.interval / interval))
        self._intervals: deque[float] = deque(maxlen=REMEMBERED)
        self._kept: Sample | None = None
        self._within: dict[str, tuple[float, float]] = {}
        self._absent: dict[str, Absence] = {}
        self._most: float | None = None  # s from one kept reading to the next; worked out where it is asked for
        self._full_until = 0.0

    def take(self, sample: Sample, verdict: Verdict) -> list[Sample]:
        """What is to be recorded now that ``sample`` has come, oldest first; the sample is the last if it is kept."""
        kept = self._kept
        if kept is None or verdict.live or verdict.change or self._left(sample):
            self._full_until = sample.monotonic + _AFTER
            out = [*self._waiting, sample]
        elif sample.monotonic < self._full_until or self._due(kept, sample):
            out = [sample]
        else:
            self._waiting.append(compact(sample))
            return []
        self._waiting.clear()
        for each in out:
            self._keep(each)
        return out

    def rest(self) -> list[Sample]:
        """What still waits for a change, oldest first: it is recorded where no reading will follow."""
        out = list(self._waiting)
        self._waiting.clear()
        return out

    def _left(self, sample: Sample) -> bool:
        """Whether a quantity has left its deadband, ceased to be read or is read again.

        One that a sample does not have is read more rarely: it is compared when it comes.
        """
        get = sample.values.get
        try:
            for quantity, (low, high) in self._within.items():
                if not low <= get(quantity, low) <= high:  # type: ignore[operator]  # an absence raises
                    return True
        except TypeError:
            return True
        return any(get(quantity, cause) is not cause for quantity, cause in self._absent.items())

    def _due(self, kept: Sample, sample: Sample) -> bool:
        pause = sample.monotonic - kept.monotonic
        if self._most is None:
            self._most = min(self._quiet.interval + self._interval / 2, longest_between(self._intervals))
        if pause + 1.25 * self._interval > self._most or len(sample.values) > len(kept.values):
            return True  # the second: it has what is read more rarely
        if pause < self._quiet.interval / 2:
            return False
        digits = _digits(sample)
        return hash(digits) % _CHOSEN == 0 and digits != _digits(kept)  # of numbers: alike in each process

    def _keep(self, sample: Sample) -> None:
        if self._kept is not None:
            self._intervals.append(sample.monotonic - self._kept.monotonic)
        self._kept, self._most = sample, None
        get, within, absent = sample.values.get, self._within, self._absent
        for quantity, band in self._bands:
            value = get(quantity)
            if isinstance(value, str):
                absent[quantity] = value
                within.pop(quantity, None)
            elif value is not None:
                within[quantity] = value - band, value + band
                if absent:
                    absent.pop(quantity, None)


def _digits(sample: Sample) -> tuple[float, ...]:
    return tuple(v for v in map(sample.values.get, _GRID) if isinstance(v, float))
