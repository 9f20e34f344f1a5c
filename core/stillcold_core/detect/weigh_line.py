"""Evidence for a line-frequency furnace: a coil between two phases, whose balance moves as the charge melts down."""

import math
from collections.abc import Sequence

from stillcold_core.detect.evidence import MeltLimits, Weighed, added, apart, graded, heat_sized, summed
from stillcold_core.detect.melt import Melt

_ENERGY = ((0.06, 1.5), (0.15, 0.75), (0.3, 0.0), (math.inf, -1.0))
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


def weigh(heats: Sequence[Melt], between: int) -> Weighed:
    """Evidence of heats that may belong together.

    Parameters
    ----------
    heats : sequence of Melt
        In order of time; the last may be going on.
    between : int
        Melts of another size among them.
    """
    total: dict[str, float] = {"unlike_between": -2.0 * between}
    added(total, heats, _alone, _repeated)
    return summed(total)


def _alone(heat: Melt) -> list[tuple[str, float]]:
    return [
        ("unbalance_wanders", 1.5),
        ("tap_steps", 1.0 if heat.steps >= 3 and heat.ramp >= 240 else 0.0),
        ("falls_to_nothing", 0.5 if heat.deep >= 0.9 else 0.0),
    ]


def _repeated(before: Melt, heat: Melt) -> list[tuple[str, float]]:
    if not heat.deep:  # it goes on
        return []
    return [
        ("equal_energy", graded(abs(heat.energy / before.energy - 1), _ENERGY)),
        ("equal_plateau", graded(apart(before, heat), _LEVEL)),
        ("short_tap", 1.0 if heat.began - before.ended <= 1500 else 0.0),
    ]
