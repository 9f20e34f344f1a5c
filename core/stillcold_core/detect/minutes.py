"""Samples of any cadence gathered into stretches of a minute, or of the cadence itself where that is slower."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stillcold_core.detect.spectrum import Seen

LENGTH = 60.0
"""s of a stretch."""
SLOW = 290.0
"""s of a stretch from which on a heat is a handful of them."""
_APART = 90.0  # s between samples from which on each one is a stretch of its own; a minute's meters drift to 61 s
_MEANS = 600.0  # s between samples from which on the register tells the mean power better than one moment does


Sums = tuple[float, float | None, float | None, float | None]


class Stretch(NamedTuple):
    """Means over a short time.

    Attributes
    ----------
    time : float
        s, its end.
    length : float
        s
    power : float
        W
    distortion, reactive, unbalance : float, optional
        VA, var, W; None where one of the samples does not tell.
    measured : bool
        Whether the meter itself tells of the distortion.
    """

    time: float
    length: float
    power: float
    distortion: float | None
    reactive: float | None
    unbalance: float | None
    measured: bool = False


class Gathering(msgspec.Struct, frozen=True):
    """A stretch that is not whole yet.

    Attributes
    ----------
    time : float, optional
        s of the last sample that counted.
    energy : float, optional
        Wh, the register at it.
    ended : float
        s at which the last stretch ended.
    count : int
        Samples so far.
    sums : tuple of float
        Of power, distortion, reactive power and unbalance; None where a sample did not tell.
    """

    time: float | None = None
    energy: float | None = None
    ended: float = 0.0
    count: int = 0
    sums: Sums = (0.0, 0.0, 0.0, 0.0)


def gather(state: Gathering, time: float, seen: Seen, energy: float | None) -> tuple[Gathering, Stretch | None]:
    """One more sample, and the stretch that it completes.

    Parameters
    ----------
    state : Gathering
        Before the sample.
    time : float
        s, later than the last one.
    seen : Seen
        What the sample tells.
    energy : float, optional
        Wh, the energy register. Where samples are ten minutes apart or more it gives the mean power between them.
    """
    if state.time is None:
        return Gathering(time, energy, time), None
    passed = time - state.time
    if passed > _APART:
        power = _mean_power(state.energy, energy, passed, seen.power)
        return Gathering(time, energy, time), Stretch(time, passed, power, *seen[1:])
    a, b, c, d = state.sums
    sums = (a + seen.power, _plus(b, seen.distortion), _plus(c, seen.reactive), _plus(d, seen.unbalance))
    count, length = state.count + 1, time - state.ended
    # A quarter of a second: readings a minute apart are not 60.000 s apart.
    if length < LENGTH - 0.25:
        return Gathering(time, energy, state.ended, count, sums), None
    a, b, c, d = sums
    return Gathering(time, energy, time), Stretch(
        time, length, a / count, _over(b, count), _over(c, count), _over(d, count), seen.measured
    )


def _plus(total: float | None, more: float | None) -> float | None:
    return None if total is None or more is None else total + more


def _over(total: float | None, count: int) -> float | None:
    return None if total is None else total / count


def _mean_power(before: float | None, after: float | None, passed: float, shown: float) -> float:
    if passed < _MEANS or before is None or after is None or not before < after:
        return shown
    mean = (after - before) * 3600 / passed
    return mean if mean < 3 * shown or shown <= 0 else shown


def first_after(stretches: Sequence[Stretch], time: float) -> int:
    """Index of the first stretch that ends later than ``time``."""
    return bisect_right(stretches, time, key=_time)


def _time(stretch: Stretch) -> float:
    return stretch.time
