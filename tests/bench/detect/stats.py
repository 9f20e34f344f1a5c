"""Intervals that hold for few events, and thresholds for a budget of false alerts."""

import math
from collections.abc import Iterable, Sequence

from scipy.stats import chi2  # type: ignore[import-untyped]

from bench.detect.trace import YEAR, Trace

PER_MONTH, PER_YEAR = 12.0, 1.0
"""False alerts a meter-year: budgets that thresholds are calibrated to."""


def poisson(events: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of the mean of a Poisson variable (Garwood 1936).

    Examples
    --------
    >>> [round(x, 2) for x in poisson(0)], [round(x, 2) for x in poisson(3)]
    ([0.0, 3.69], [0.62, 8.77])
    """
    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    return low, float(chi2.ppf(1 - tail, 2 * events + 2)) / 2


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927).

    Examples
    --------
    >>> [round(x, 2) for x in wilson(9, 10)]
    [0.6, 0.98]
    """
    if not of:
        return 0.0, 1.0
    z, share = 1.959964, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return middle - half, middle + half


def false_rate(traces: Iterable[Trace], threshold: float) -> tuple[int, float]:
    """False alerts, and the meter-years in which they came."""
    traces = list(traces)
    return sum(t.false(threshold) for t in traces), sum(t.days for t in traces) / YEAR


def calibrated(traces: Sequence[Trace], per_year: float) -> float:
    """The lowest threshold that keeps to a budget of false alerts on some sites.

    Parameters
    ----------
    traces : sequence of Trace
        Of one judge, of the split ``calibrate``.
    per_year : float
        False alerts a meter-year.
    """
    allowed = int(per_year * sum(t.days for t in traces) / YEAR)
    scores = sorted((s for t in traces for s in t.honest if s > float("-inf")), reverse=True)
    return math.nextafter(scores[allowed], math.inf) if allowed < len(scores) else float("-inf")
