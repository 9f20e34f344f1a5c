"""How often a point is read, and when a sample is missing; used by the detectors and by the gateway that thins."""

import math
import statistics
from collections.abc import Collection

REMEMBERED = 5
"""Intervals between samples from which the usual one is known."""
GAP = 3.0
"""Usual intervals after which a sample is missing."""
LEAST = 5.0
"""s; a reading that is late by less is no gap."""


def longest_between(intervals: Collection[float]) -> float:
    """Seconds after which a sample is missing, from the last intervals; infinite where nothing is known of the cadence.

    Examples
    --------
    >>> longest_between([1.0, 1.0, 10.0]), longest_between([10.0, 10.0, 1.0])
    (5.0, 30.0)
    """
    return max(GAP * statistics.median(intervals), LEAST) if intervals else math.inf
