"""What a feeder usually takes at each hour of the day, and how unusual it is that it takes more."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from stillcold_core.detect.evidence import DAY

HOUR = 3600.0
_ENOUGH = 6  # hours by which a first day can be judged
_AT_WORK = 0.05  # of a load's power, by which a plant takes more while it works, at least
_UNUSUAL, _MOST_UNUSUAL = 1.3, 2.4  # times the most before that is unusual; what it weighs at most
_USUAL = -1.5  # weight of hours at which as much was there before
_AT_WORK_TOO = 0.5  # of that weight, while the plant works
_QUIET, _BUSY = 0.35, 0.6  # of the way from the quietest hour to the busiest
_RESTS, _WORKS = 1.5, -0.5  # weight of hours at which the plant rests, or works
_FADING = 0.5 ** (1 / 14)  # of what an hour of the day has seen, a day


class UsualHour(msgspec.Struct, frozen=True):
    """One hour of the day.

    Attributes
    ----------
    number : int
        Hours since 1970-01-01 of the last one.
    newest : float
        The most of the last one (W or VA).
    energy, length : float
        Of the last one: Ws, s.
    most : float
        In those before; halves in two weeks.
    usual : float
        W, mean of those before, the newer the more.
    """

    number: int = -1
    newest: float = 0.0
    energy: float = 0.0
    length: float = 0.0
    most: float = 0.0
    usual: float = 0.0


Hours = tuple[UsualHour, ...]
"""24 of them, UTC."""
UNKNOWN: Hours = (UsualHour(),) * 24


def number_of(time: float) -> int:
    """Hours since 1970-01-01 of the hour that holds the moments before ``time`` (s)."""
    return int((time - 1) // HOUR)


def learned(hours: Hours, time: float, length: float, power: float, most: float) -> Hours:
    """The hours with one more stretch.

    Parameters
    ----------
    time, length : float
        s; its end, and how long it was.
    power : float
        W, its mean.
    most : float
        What is compared with the most of an hour (W or VA).
    """
    number = number_of(time)
    old = hours[number % 24]
    if number != old.number:
        old = _over(old, number)
    return _put(
        hours,
        UsualHour(number, max(old.newest, most), old.energy + power * length, old.length + length, old.most, old.usual),
    )


def unlearned(hours: Hours, times: Iterable[float]) -> Hours:
    """What may be a furnace's vouches for none: the hours of these moments teach nothing."""
    for number in {number_of(t) for t in times}:
        hour = hours[number % 24]
        if hour.number == number and hour.usual:
            hours = _put(
                hours, msgspec.structs.replace(hour, newest=min(hour.newest, hour.most), energy=0.0, length=0.0)
            )
    return hours


def _over(hour: UsualHour, number: int) -> UsualHour:
    """An hour of the day begins again: what it took the last time is usual from now on."""
    if hour.length == 0:
        return msgspec.structs.replace(hour, number=number)
    mean = hour.energy / hour.length
    step = 0.2 * max(hour.usual, 1e3)
    usual = mean if hour.most == 0 else hour.usual + max(-step, min(step, 0.3 * (mean - hour.usual)))
    return UsualHour(number, most=max(hour.newest, hour.most * _FADING), usual=usual)


def _put(hours: Hours, hour: UsualHour) -> Hours:
    i = hour.number % 24
    return (*hours[:i], hour, *hours[i + 1 :])


class Past(NamedTuple):
    """What a feeder took at the hours of a load before it came.

    Attributes
    ----------
    observed : float
        s that it had been watched.
    unusual : float, optional
        What it takes with the load, as a multiple of the most at these hours; None as long as they are not known.
    working : float, optional
        How far the plant is usually at work at these hours: share of what it takes between its quietest hour and its
        busiest.
    """

    observed: float
    unusual: float | None = None
    working: float | None = None

    @property
    def quiet(self) -> bool:
        """Whether such a load at these hours is neither usual nor expected."""
        return self.unusual is not None and self.unusual > _UNUSUAL and (self.working or 0.0) <= _QUIET

    @property
    def at_work(self) -> bool:
        """Whether the plant is usually busy at these hours, so that what is new there was bought for its work."""
        return self.working is not None and self.working > _BUSY


def at(hours: Hours, times: Iterable[float]) -> list[UsualHour]:
    """Those hours of the day that hold some moments (s)."""
    return [hours[number_of(t) % 24] for t in times]


def moments(begin: float, end: float) -> tuple[float, float, float]:
    """s, some in each hour of what runs from ``begin`` to ``end``, as long as a heat is."""
    return (begin + 1, (begin + end) / 2, end)


def working(hours: Hours, begin: float, end: float, power: float) -> float:
    """How far the plant is usually at work while a load of ``power`` W runs, and for two hours after it.

    An hour before the shift begins is none of rest.
    """
    usual = [hour.usual for hour in hours]
    times = (*moments(begin, end), end + HOUR, end + 2 * HOUR)
    return max(_share(hour.usual, usual, power) for hour in at(hours, times))


def working_today(hours: Hours, begin: float, base: float, power: float) -> float | None:
    """How far a plant was at work by its ``base`` W when a load came on the first day; None of too short a day."""
    before = [h.energy / h.length for h in hours if h.length and h.number < number_of(begin)]
    return _share(base, before, power) if len(before) >= _ENOUGH else None


def _share(now: float, all_hours: Sequence[float], power: float) -> float:
    least = min(all_hours)
    return (now - least) / max(max(all_hours) - least, _AT_WORK * power)


def before(hours: Hours, begin: float, end: float, observed: float, *, power: float, shown: float) -> Past:
    """What a feeder that has been watched for a day took before at the hours of a load.

    Parameters
    ----------
    begin, end : float
        s of the load.
    observed : float
        s that the feeder had been watched before it.
    power : float
        W of the load.
    shown : float
        Of what is compared with the most of an hour, with the load.
    """
    most = max(1.0, *(hour.most for hour in at(hours, moments(begin, end))))
    return Past(observed, shown / most, working(hours, begin, end, power))


def weights(past: Past) -> dict[str, float]:
    """Evidence of the hours.

    A load of no day before comes on the next one with a chance of one in as many days, and one more (Laplace's rule of
    succession).
    """
    parts = {}
    if past.unusual is not None:
        often = _USUAL if past.unusual < 1 else 0.0
        new = min(_MOST_UNUSUAL, math.log(1 + past.observed / DAY)) * (_AT_WORK_TOO if past.at_work else 1)
        parts["unusual_hour"] = new if past.unusual > _UNUSUAL else often
    if past.working is not None:
        rests = past.working <= _QUIET and (past.unusual is None or past.quiet)
        parts["plant_at_rest"] = _RESTS if rests else _WORKS if past.at_work else 0.0
    return parts
