# ruff: noqa: PLR0124  # NaN is the number that is not itself
"""Dead, live or unknown, and for how long each: a silent meter is unknown, never dead."""

import math
import statistics
from typing import Literal

import msgspec

from stillcold_core.detect.cadence import REMEMBERED, longest_between
from stillcold_core.detect.columns import Column, blank, fed
from stillcold_core.detect.kernels import kernel
from stillcold_core.samples import Floats

Condition = Literal["dead", "live", "unknown"]
CONDITIONS: tuple[Condition, ...] = ("dead", "live", "unknown")
"""In the order in which columns count them: 0, 1, 2."""


class Presence(msgspec.Struct, frozen=True):
    """What was proved of a point, and the time it has been so.

    Attributes
    ----------
    time : float, optional
        s of the last sample.
    shown : "dead", "live" or "unknown"
        What it proved.
    since : float, optional
        s since when it has been that.
    intervals : tuple of float
        s between the last samples.
    dead_s, live_s, unknown_s : float
        Seconds counted under each.
    """

    time: float | None = None
    shown: Condition = "unknown"
    since: float | None = None
    intervals: tuple[float, ...] = ()
    dead_s: float = 0.0
    live_s: float = 0.0
    unknown_s: float = 0.0

    @property
    def interval(self) -> float:
        """Usual seconds between samples: the median of the last few; 0 until there are two samples."""
        return statistics.median(self.intervals) if self.intervals else 0.0

    def at(self, now: float) -> Condition:
        """What is proved at ``now``: the last sample's word, unless it is too old."""
        if self.time is None or now - self.time > longest_between(self.intervals):
            return "unknown"
        return self.shown


def patience(presence: Presence, times: Floats) -> tuple[Column, tuple[float, ...]]:
    """Seconds after which samples are missing.

    Parameters
    ----------
    presence : Presence
        Before the samples.
    times : ndarray, shape (n,)
        Of the samples, s, each later than the one before.

    Returns
    -------
    column, shape (n,)
        What held when each sample came; infinite where nothing was known of the cadence.
    intervals : tuple of float
        The last ones after the samples.
    """
    known = presence.intervals
    last = math.nan if presence.time is None else presence.time
    ring = blank(REMEMBERED)
    for i, seconds in enumerate(known):
        ring[i] = seconds
    out = blank(len(times))
    count = _patience(fed(times), last, ring, len(known), presence.interval, out)
    return out, tuple(float(ring[i]) for i in range(count))


def account(
    presence: Presence, times: Floats, allowed: Column, shown: Column, intervals: tuple[float, ...]
) -> Presence:
    """Count each period between samples under what its end proves, or as unknown where samples are missing.

    Parameters
    ----------
    presence : Presence
        Before the samples.
    times, allowed : shape (n,)
        Of the samples, and their :func:`patience`.
    shown : column, shape (n,)
        What each proves, as an index of :data:`CONDITIONS`.
    intervals : tuple of float
        After the samples.
    """
    numbers = blank(6, math.nan)
    if presence.time is not None and presence.since is not None:
        numbers[0], numbers[1] = presence.time, presence.since
    numbers[2] = CONDITIONS.index(presence.shown)
    numbers[3], numbers[4], numbers[5] = presence.dead_s, presence.live_s, presence.unknown_s
    _account(fed(times), allowed, shown, numbers)
    time, since, code, dead, live, unknown = (float(v) for v in numbers)
    return Presence(time, CONDITIONS[int(code)], since, intervals, dead, live, unknown)


@kernel
def _patience(times: Column, last: float, ring: Column, count: int, median: float, out: Column) -> int:
    for i in range(len(times)):
        out[i] = max(3.0 * median, 5.0) if count > 0 else math.inf
        if last == last:  # known
            seconds = times[i] - last
            gone = seconds + 1.0
            if count == 5:
                gone = ring[0]
                for j in range(4):
                    ring[j] = ring[j + 1]
                count = 4
            ring[count] = seconds
            count += 1
            if gone != seconds:  # else the same five numbers
                lower = upper = seconds
                for j in range(count):
                    below = same = 0
                    for k in range(count):
                        below += 1 if ring[k] < ring[j] else 0
                        same += 1 if ring[k] == ring[j] else 0
                    if below <= (count - 1) // 2 < below + same:
                        lower = ring[j]
                    if below <= count // 2 < below + same:
                        upper = ring[j]
                median = lower if count % 2 else (lower + upper) / 2
        last = times[i]
    return count


@kernel
def _account(times: Column, allowed: Column, shown: Column, s: Column) -> None:
    time, since, was = s[0], s[1], s[2]
    for i in range(len(times)):
        t, code = times[i], shown[i]
        if time == time:  # known
            gap = t - time > allowed[i]
            s[3 + int(2 if gap else code)] += t - time
            if gap or code != was:
                since = t
        else:
            since = t
        time, was = t, code
    s[0], s[1], s[2] = time, since, was
