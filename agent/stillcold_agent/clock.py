"""The wall clock over time: whether it can be trusted, when it was moved, and what time a sample really has.

A gateway without a clock of its own starts with the time at which it was switched off. What it reads before a time
service has set the clock has a monotonic time of the same boot, so its time is known as soon as the clock is.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from stillcold_agent.batcher import Collected
from stillcold_agent.boot import Moment, clock_is_synchronised, now
from stillcold_agent.counts import Counts
from stillcold_core.contract.steps import MOST_STEPS, Step
from stillcold_core.readings import Sample

log = logging.getLogger(__name__)
_BACK, _FORWARD = 0.25, 2.0
"""s by which the clock is moved, between two looks, before that is a step. Slewing moves it by 0.1 s a second at most
(chrony.conf(5), maxslewrate); a reading that takes 0.25 s less than it should is what the detectors tolerate."""


class Clock:
    """Follows the wall clock against the monotonic one; every moment is looked at by the event loop's thread.

    Parameters
    ----------
    newest : float or None
        UTC, s, of the newest sample in the journal: a clock that shows less is behind.
    wait : float
        s for which a clock that is behind is given the time to be set.
    counts : Counts
        ``clock_step`` counts steps.
    read, synchronised : callable
        The machine's clocks, and whether a time service disciplines the wall clock.
    """

    def __init__(
        self,
        newest: float | None,
        wait: float,
        counts: Counts,
        *,
        read: Callable[[], Moment] = now,
        synchronised: Callable[[], bool] = clock_is_synchronised,
    ) -> None:
        self._read, self._synchronised, self._counts = read, synchronised, counts
        moment = read()
        self._wall = moment.time - moment.monotonic
        self._trusted: float | None = None
        self._floor = None if newest is None or newest <= moment.time else newest - moment.monotonic
        self._set_by_hand: float | None = None  # unless a time service did it, which is known then
        self._until = moment.monotonic + wait
        self._steps: deque[Step] = deque(maxlen=MOST_STEPS)
        self.look()

    @property
    def known(self) -> bool:
        """Whether a time service keeps the clock, or did in this run: then the monotonic clock goes on from there."""
        return self._trusted is not None

    def look(self) -> bool:
        """See whether the clock was moved; True when it has just become known."""
        moment = self._read()
        wall, before = moment.time - moment.monotonic, self._wall
        self._wall = wall
        if not -_BACK <= wall - before <= _FORWARD:
            self._stepped(moment.monotonic, wall - before)
        if self._floor is not None and before < self._floor <= wall:
            self._set_by_hand = wall
        if not self._synchronised():
            return False
        fresh, self._trusted = not self.known, wall
        if fresh:
            log.info("the clock is synchronised")
        return fresh

    def holds(self, monotonic: float) -> bool:
        """Whether batches in which nothing happened should wait for the clock, which is behind."""
        return self._behind and monotonic < self._until

    def settled(self, collected: Collected) -> Collected:
        """A closed batch with the times that its samples really have, and with what was done to the clock."""
        self.look()
        steps = tuple(self._steps)
        self._steps.clear()
        return replace(collected, samples=self._dated(collected.samples), synced=self.known, steps=steps)

    @property
    def _behind(self) -> bool:
        return not self.known and self._floor is not None and self._wall < self._floor

    def _dated(self, samples: Mapping[str, Sequence[Sample]]) -> Mapping[str, Sequence[Sample]]:
        """By the trusted clock; by one that goes on from the newest sample of the journal while it is behind that.

        What was read by a clock that was behind until somebody set it by hand has the time of the clock as it was set.
        """
        floor = self._floor
        offset = floor if self._behind else self._trusted
        if offset is not None:
            return {point: [_dated(s, offset) for s in each] for point, each in samples.items()}
        if floor is None or (by_hand := self._set_by_hand) is None:
            return samples
        return {
            point: [_dated(s, by_hand) if s.time - s.monotonic < floor else s for s in each]
            for point, each in samples.items()
        }

    def _stepped(self, monotonic: float, seconds: float) -> None:
        self._counts.add("clock_step")
        said = {"way": "back" if seconds < 0 else "forward", "seconds": round(abs(seconds), 3)}
        log.warning("the clock was set %(way)s by %(seconds)s s", said)
        self._steps.append(Step(round(1000 * monotonic), round(1000 * seconds)))


def _dated(sample: Sample, offset: float) -> Sample:
    time = sample.monotonic + offset
    return sample if abs(sample.time - time) <= _BACK else msgspec.structs.replace(sample, time=time)
