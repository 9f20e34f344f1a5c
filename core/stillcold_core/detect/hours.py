"""What a feeder usually takes at each hour of the day, and how unusual it is that it takes more."""

from collections.abc import Iterable

import msgspec

HOUR = 3600.0
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
        if hour.number == number and hour.most:
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
