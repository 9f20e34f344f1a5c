"""Dead, live or unknown, and for how long each: a silent meter is unknown, never dead."""

import statistics
from typing import Literal

import msgspec

Condition = Literal["dead", "live", "unknown"]
_REMEMBERED = 5
_GAP = 3.0  # intervals
_LEAST = 5.0  # s; a reading that is late by less is no gap


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
        if self.time is None or is_gap(self, now - self.time):
            return "unknown"
        return self.shown


def is_gap(presence: Presence, seconds: float) -> bool:
    """Whether samples are missing in a period between two of them."""
    return bool(presence.intervals) and seconds > max(_GAP * presence.interval, _LEAST)


def account(presence: Presence, time: float, shown: Condition) -> Presence:
    """Count the period since the last sample under what this one proves, or as unknown where samples are missing."""
    if presence.time is None:
        return Presence(time=time, shown=shown, since=time)
    seconds = time - presence.time
    gap = is_gap(presence, seconds)
    counted: Condition = "unknown" if gap else shown
    field = f"{counted}_s"
    return msgspec.structs.replace(
        presence,
        time=time,
        shown=shown,
        since=presence.since if shown == presence.shown and not gap else time,
        intervals=(*presence.intervals, seconds)[-_REMEMBERED:],
        **{field: getattr(presence, field) + seconds},
    )
