"""Evidence for a line-frequency furnace: a coil between two phases, whose balance moves as the charge melts down."""

import math
from collections.abc import Sequence

from stillcold_core.detect.evidence import DAY, MeltLimits, Weighed, added, apart, graded, heat_sized, summed
from stillcold_core.detect.hours import Hours, Past, at, weights, working
from stillcold_core.detect.melt import Melt

_ENERGY = ((0.06, 1.5), (0.15, 0.75), (0.3, 0.0), (math.inf, -1.0))
_SWING = 1.3  # times its mean that a feeder takes within an hour without anything unusual
_WANDER = ((0.002, 0.0), (0.005, 0.75), (math.inf, 1.5))
_LEVEL = ((0.05, 0.5), (math.inf, -1.0))


def fits(melt: Melt, limits: MeltLimits, slow: bool) -> bool:
    """Whether a melt can be a heat of such a furnace.

    Parameters
    ----------
    slow : bool
        Whether the meter is read so seldom that a melt is a handful of readings.
    """
    if melt.ratio is None or melt.wander is None or slow or melt.ratio >= limits.converter:
        return False
    return heat_sized(melt, limits) and limits.wander <= melt.wander <= 0.06 and melt.ripple <= 0.15


def past(hours: Hours, heat: Melt, observed: float) -> Past:
    """What the feeder took before at the hours of a heat.

    Parameters
    ----------
    hours : tuple of 24 UsualHour
        Of the feeder.
    observed : float
        s that it had been watched before the first of the heats.
    """
    if observed < DAY:
        return Past(observed)
    usual = max(1.0, *(hour.usual for hour in at(hours, (heat.began + 1, heat.ended))))
    taken = (heat.floor + heat.power) / (_SWING * usual)
    return Past(observed, taken, working(hours, heat.began, heat.ended, heat.power))


def weigh(heats: Sequence[Melt], past: Past, between: int) -> Weighed:
    """Evidence of heats that may belong together.

    Parameters
    ----------
    heats : sequence of Melt
        In order of time; the last may be going on.
    past : Past
        What the feeder took before.
    between : int
        Melts of another size among them.
    """
    total: dict[str, float] = {"unlike_between": -2.0 * between}
    added(total, heats, _alone, _repeated)
    total |= weights(past)
    return summed(total)


def _alone(heat: Melt) -> list[tuple[str, float]]:
    return [
        ("unbalance_wanders", graded(heat.wander or 0.0, _WANDER)),
        ("tap_steps", 1.5 if heat.steps >= 3 and heat.ramp >= 240 else 0.0),
        ("steady_plateau", 0.5 if heat.ripple <= 0.03 and heat.flat >= 0.7 else -1.0 * (heat.flat < 0.5)),
        ("falls_to_nothing", 0.5 if heat.deep >= 0.85 else 0.0),
    ]


def _repeated(before: Melt, heat: Melt) -> list[tuple[str, float]]:
    if not heat.deep:  # it goes on
        return []
    return [
        ("equal_energy", graded(abs(heat.energy / before.energy - 1), _ENERGY)),
        ("equal_plateau", graded(apart(before, heat), _LEVEL)),
        ("short_tap", 1.0 if heat.began - before.ended <= 1500 else 0.0),
    ]
