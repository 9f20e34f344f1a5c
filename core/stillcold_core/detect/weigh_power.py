"""Evidence for a furnace by power alone: equal heats that repeat, at hours at which the feeder never took so much."""

import math
from collections.abc import Sequence

from stillcold_core.detect.evidence import MeltLimits, Steady, Weighed, again, apart, graded, like, summed
from stillcold_core.detect.melt import Melt

_FAR = 7200.0  # s after which a like melt is no repetition, where a melt is a handful of readings
# Weights by the difference up to which they hold. In 15 min there is room for a sixth of a heat on either side.
_ENERGY = ((0.06, 2.5), (0.15, 1.25), (0.3, 0.0), (math.inf, -1.0))
_ENERGY_SLOW = ((0.08, 2.5), (0.14, 2.0), (0.25, 1.0), (0.35, 0.0), (math.inf, -1.0))
_LEVEL = ((0.02, 1.5), (0.05, 0.5), (math.inf, -1.0))
_LEVEL_SLOW = ((0.01, 1.5), (0.02, 1.0), (0.03, 0.5), (math.inf, -2.0))


def fits(melt: Melt, limits: MeltLimits, slow: bool) -> bool:
    """Whether a melt, known by its power alone, can be a heat of an induction furnace.

    Parameters
    ----------
    slow : bool
        Whether the meter is read so seldom that a melt is a handful of readings.
    """
    if melt.power < limits.power or melt.energy < limits.energy or not limits.shortest <= melt.lasted:
        return False
    if melt.lasted > limits.longest and melt.ramp < 0.4 * melt.lasted:
        return False
    return melt.flat >= (0.3 if slow else 0.6) and melt.ripple <= (0.1 if slow else 0.03)


def weigh(heats: Sequence[Melt], steady: Sequence[Steady], *, between: int, unusual: float, slow: bool) -> Weighed:
    """Evidence of heats that may belong together.

    Parameters
    ----------
    heats : sequence of Melt
        In order of time; the last may be going on.
    steady : sequence of Steady
        Heaters that the feeder is known to have.
    between : int
        Melts of another size among them.
    unusual : float
        What the feeder took with them, as a multiple of what it had taken before at these hours of the day, at most.
    slow : bool
        Whether the meter is read so seldom that a melt is a handful of readings.
    """
    total: dict[str, float] = {"unlike_between": -2.0 * between}
    for i, heat in enumerate(heats):
        for name, weight in _alone(heat, slow):
            total[name] = total.get(name, 0.0) + weight * again(i)
        if any(like(heat, s) for s in steady):
            total["steady_heater"] = total.get("steady_heater", 0.0) - 3.0
        for name, weight in _repeated(heats[i - 1], heat, slow) if i else ():
            total[name] = total.get(name, 0.0) + weight
    total["unusual_hour"] = 3.0 if unusual > 2 else 1.5 if unusual > 1.3 else 0.0
    return summed(total)


def _alone(heat: Melt, slow: bool) -> list[tuple[str, float]]:
    return [
        ("plateau", 0.5),
        ("soft_start", 1.0 if not slow and _soft_start(heat) else 0.0),
        ("falls_to_nothing", 0.25 if heat.deep >= 0.9 else 0.0),
    ]


def _soft_start(heat: Melt) -> bool:
    """Turned up by hand over minutes and steps, then held."""
    held = heat.lasted - heat.ramp >= 900 and heat.flat >= 0.85 and heat.ripple <= 0.0125
    return held and 480 <= heat.ramp <= 4800 and heat.steps >= 3


def _repeated(before: Melt, heat: Melt, slow: bool) -> list[tuple[str, float]]:
    if not heat.deep:  # it goes on
        return []
    level, gap = apart(before, heat), heat.began - before.ended
    if slow and gap > _FAR:
        return []
    if slow and level > 0.03:
        return [("equal_plateau", -2.0)]  # a handful of readings: only a plateau held tells a converter from an arc
    return [
        ("equal_energy", graded(abs(heat.energy / before.energy - 1), _ENERGY_SLOW if slow else _ENERGY)),
        ("equal_plateau", graded(level, _LEVEL_SLOW if slow else _LEVEL)),
        ("short_tap", 1.0 if gap <= (2400 if slow else 1500) else 0.0),
    ]
