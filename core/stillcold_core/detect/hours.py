"""What a feeder takes by the hour of the day."""

import msgspec

from stillcold_core.detect.melt import Melt
from stillcold_core.detect.minutes import Stretch

_FADING = 0.5 ** (1 / 14)  # of what an hour of the day has seen, a day


class Hour(msgspec.Struct, frozen=True):
    """What a feeder took at one hour of the day.

    Attributes
    ----------
    number : int
        Hours since 1970-01-01 of the last one.
    newest : float
        W at most in the last one.
    most : float
        W at most in those before; halves in two weeks.
    """

    number: int = 0
    newest: float = 0.0
    most: float = 0.0


NO_HOURS = (Hour(),) * 24
"""Before anything was seen."""


def learned(hours: tuple[Hour, ...], stretch: Stretch) -> tuple[Hour, ...]:
    """What the feeder takes by the hour of the day; the last 24 h stay apart: heats must not vouch for themselves."""
    number = int(stretch.time // 3600)
    before = hours[number % 24]
    if number == before.number:
        if stretch.power <= before.newest:
            return hours
        now = Hour(number, stretch.power, before.most)
    else:
        now = Hour(number, stretch.power, max(before.newest, before.most * _FADING))
    return (*hours[: number % 24], now, *hours[number % 24 + 1 :])


def unusual(hours: tuple[Hour, ...], heat: Melt) -> float:
    """What the feeder took with a heat, as a multiple of what it had taken before at these hours of the day."""
    last = max(heat.began, heat.ended - 1)
    asked = {int(t // 3600) % 24 for t in (heat.began, (heat.began + last) / 2, last)}
    return (heat.floor + heat.power) / max(1.0, *(hours[h].most for h in asked))
