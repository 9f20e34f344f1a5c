"""Heats of a converter by their end alone, whatever runs beside it: what a furnace takes is gone at once.

Beside drives and motors that swing by as much as a furnace, neither the rise nor the plateau of its heat may be seen;
its tap is. Harmonics of unlike loads add up less than arithmetically, by the exponent 1.4 of the summation law of
IEC TR 61000-3-6 (orders 5 to 10, which lead in a THD), so that the distortion to the power 1.4, here its *sum*, is what
one load can be taken out of.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from stillcold_core.detect import weigh
from stillcold_core.detect.evidence import DAY, MeltLimits, Weighed
from stillcold_core.detect.heat import Heat
from stillcold_core.detect.hours import Hours, before
from stillcold_core.detect.melt import median
from stillcold_core.detect.minutes import SLOW, Stretch, first_after
from stillcold_core.detect.weigh import Known

_EXPONENT = 1.4
_LEAST = 200e3  # W; the smallest furnace takes 350 kW, and a motor may come on in the same minute
_AT_ONCE = 0.7  # of a change, that lies between the readings before and after it, whichever are nearest
_STILL = 0.15  # of a change, by which a reading in the midst of it may be off and still belong to what was before
_WINDOW = 10800.0  # s in which its beginning is looked for
_WIDE = 5  # stretches by which a change is told
_SAME_POWER, _SAME_SUM = 0.12, 0.25  # by which a load's rise and its fall differ at most
_SAME_RATIO = 0.25  # by which a converter's distortion a W differs by its shape and by its end
_FULL, _HALF, _NOTHING = 0.85, 0.5, 0.3  # of what fell: it may be at full power; it is not; it does not work
_MISSING = 0.2  # of the time between its rise and its fall in which a load may pause
_HELD = 1200.0  # s at full power, at least
_REFERENCE = 1200.0  # s before the fall in which the feeder's distortion is read
_TELLING = 4.0  # score below which nothing is said

Window = Sequence[Stretch]


class Switched(msgspec.Struct, frozen=True):
    """What fell so far.

    Attributes
    ----------
    known : tuple of Known
        Converters that were switched off at once.
    fell : float
        s at which the last one was.
    """

    known: tuple[Known, ...] = ()
    fell: float = 0.0


class Judged(NamedTuple):
    """What one more stretch told.

    Attributes
    ----------
    state : Switched
        After it.
    heat : Heat, optional
        That ended.
    weighed : Weighed, optional
        For and against it.
    """

    state: Switched
    heat: Heat | None = None
    weighed: Weighed | None = None


class _Change(NamedTuple):
    """What came or went at once: s of the last stretch before it, W, sum of distortion, var."""

    time: float
    power: float
    sum: float
    reactive: float | None

    @property
    def ratio(self) -> float:
        """VA of distortion that a W of it brings."""
        return float(self.sum ** (1 / _EXPONENT)) / self.power


def advance(
    state: Switched,
    stretches: Window,
    limits: MeltLimits,
    noise: float,
    hours: Hours,
    first: float,
    others: Sequence[Known] = (),
) -> Judged:
    """Go on by the last of ``stretches``.

    Parameters
    ----------
    noise : float
        Multiple of the noise of the distortion that a fall stands out by.
    hours : tuple of 24 UsualHour
        Of the feeder.
    first : float
        s from which on the feeder has been watched.
    others : sequence of Known
        Converters that were told by the shape of their runs.
    """
    fall = _fall(stretches[-_WIDE:], limits)
    if fall is None or fall.time <= state.fell + stretches[-1].length:
        return Judged(state)
    state = msgspec.structs.replace(state, fell=fall.time)
    recent = stretches[first_after(stretches, stretches[-1].time - _WINDOW) :]
    window = [s for s in recent if s.distortion is not None]
    rose = _rise(fall, window)
    heat = _heat(fall, window, rose)
    held = window[first_after(window, heat.began + heat.ramp + 1e-3) : first_after(window, heat.fell + 1e-3)]
    if heat.lasted - heat.ramp < _HELD or heat.energy < limits.energy or fall.sum < noise * _noise(held):
        return Judged(state)
    known = weigh.remembered(state.known, heat, limits.memory, other=False)
    told = msgspec.structs.replace(state, known=known)
    if heat.began - first < DAY:  # anything is new then
        return Judged(told)
    weighed = _weighed((*state.known, *_heaters(others, heat)), heat, held, hours, first, paired=rose is not None)
    return Judged(told, heat, weighed) if weighed.score >= _TELLING else Judged(told)


def _fall(last: Window, limits: MeltLimits) -> _Change | None:
    """A converter of a furnace's size that has just been switched off."""
    if last[-1].length >= SLOW or not last[-1].measured or len(last) < _WIDE:
        return None
    if (last[-1].distortion or 0.0) >= (last[0].distortion or 0.0):  # the cheapest look first
        return None
    fall = _change(last, 1)
    if fall is None or fall.power < _LEAST:
        return None
    return fall if limits.converter <= fall.ratio <= limits.converter_most else None


def _change(five: Window, sign: int) -> _Change | None:
    """What went (``sign`` 1) or came (-1) at once amid five stretches, the middle one of which may hold both."""
    sums = [sign * _sum(s) for s in five if s.distortion is not None]
    if len(sums) < _WIDE or five[-1].time - five[0].time > (_WIDE + 1) * five[-1].length:
        return None
    level = (sums[0] + sums[1]) / 2
    size = level - (sums[3] + sums[4]) / 2
    if size <= 0 or min(sums[:2]) - max(sums[3:]) < _AT_ONCE * size:
        return None
    # Other loads move too: what it took is told by the stretches next to it.
    last = 2 if sums[2] >= level - _STILL * size else 1
    one, other = five[last], five[3]
    reactive = None if one.reactive is None or other.reactive is None else sign * (one.reactive - other.reactive)
    power = sign * (one.power - other.power)
    return _Change(one.time, power, sums[last] - sums[3], reactive) if power > 0 else None


def _rise(fall: _Change, window: Window) -> float | None:
    """s at which as much came at once as has fallen now, and stayed."""
    end = first_after(window, fall.time + 1e-3)
    for i in range(end - 1, _WIDE - 2, -1):
        if fall.time - window[i].time < _HELD:
            continue
        rise = _change(window[i - _WIDE + 1 : i + 1], -1)
        if rise is not None and _equal(rise, fall):
            low = _sum(window[i - _WIDE + 1]) + _HALF * fall.sum
            pauses = sum(_sum(s) < low for s in window[i:end])
            return rise.time if pauses <= _MISSING * (end - i) else None
    return None


def _equal(rise: _Change, fall: _Change) -> bool:
    return abs(rise.power / fall.power - 1) <= _SAME_POWER and abs(rise.sum / fall.sum - 1) <= _SAME_SUM


def _heat(fall: _Change, window: Window, rose: float | None) -> Heat:
    """The heat that ended by a fall. Where its rise is not seen, it is as long as there was room for it."""
    began, full = _room(fall, window) if rose is None else (rose, rose)
    after = window[-1]
    return Heat(
        began=began, fell=fall.time, ended=fall.time, energy=fall.power * (fall.time - (began + full) / 2) / 3600,
        power=fall.power, base=after.power, floor=after.distortion or 0.0, ratio=fall.ratio, ratio_apart=fall.ratio,
        ramp=full - began, flat=1.0, ripple=weigh.UNSEEN_RIPPLE, steps=1, dips=0, hold=0.0, level=0.0, deep=1.0,
        factor=None if fall.reactive is None else fall.power / math.hypot(fall.power, fall.reactive), open=False,
    )  # fmt: skip


def _room(fall: _Change, window: Window) -> tuple[float, float]:
    """s from which on such a load can have worked, and at full power: the feeder took that much more than its least."""
    least_power, least_sum = min(s.power for s in window), min(_sum(s) for s in window)
    began = full = fall.time
    for s in reversed(window[: first_after(window, fall.time + 1e-3)]):
        share = min((s.power - least_power) / fall.power, (_sum(s) - least_sum) / fall.sum)
        if share < _NOTHING:
            break
        began = s.time - s.length
        if share >= _FULL and full - s.time < 1:
            full = began
    return began, full


def _heaters(others: Sequence[Known], heat: Heat) -> list[Known]:
    """Those that are this converter and worked for hours: less than that, shapes take several loads for one."""
    return [
        k
        for k in others
        if k.longest > weigh.STEADY
        and abs(k.power / heat.power - 1) <= _SAME_POWER
        and abs(k.ratio / heat.ratio - 1) <= _SAME_RATIO
    ]


def _weighed(known: Sequence[Known], heat: Heat, held: Window, hours: Hours, first: float, *, paired: bool) -> Weighed:
    shown = median(s.distortion for s in held if s.time > heat.fell - _REFERENCE) or 0.0
    past = before(hours, heat.began, heat.fell, heat.began - first, power=heat.power, shown=shown)
    return weigh.weigh([heat], known, past, length=held[-1].length, paired=paired)


def _noise(held: Window) -> float:
    return median(abs(_sum(b) - _sum(a)) for a, b in pairwise(held)) or 0.0


def _sum(stretch: Stretch) -> float:
    return float((stretch.distortion or 0.0) ** _EXPONENT)
