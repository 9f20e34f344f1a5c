"""Evidence for a furnace where the meter tells its distortion or its phases: heats of a converter, or of a coil
between two phases.
"""

import math
from collections.abc import Sequence

from stillcold_core.detect.evidence import (
    DAY,
    Kind,
    MeltLimits,
    Steady,
    Weighed,
    again,
    apart,
    graded,
    like,
    summed,
)
from stillcold_core.detect.melt import Melt

_ENERGY = ((0.06, 1.5), (0.15, 0.75), (0.3, 0.0), (math.inf, -1.0))
_LEVEL = ((0.05, 0.5), (math.inf, -1.0))


def kind_of(melt: Melt, limits: MeltLimits, slow: bool) -> Kind | None:
    """Which furnace a melt can be of whose distortion is known; None where it can be of none.

    Parameters
    ----------
    slow : bool
        Whether the meter is read so seldom that a melt is a handful of readings.
    """
    if melt.ratio is None or melt.power < limits.power or melt.energy < limits.energy:
        return None
    if melt.lasted < limits.shortest or (melt.lasted > limits.longest and melt.ramp < 0.4 * melt.lasted):
        return None
    if melt.ratio >= limits.converter:
        fits = melt.ratio <= limits.converter_most and melt.flat >= 0.6 and melt.ripple <= 0.03
        return "induction" if fits else None
    wanders = melt.wander is not None and limits.wander <= melt.wander <= 0.06 and melt.ripple <= 0.15
    return "line_frequency" if wanders and not slow else None


def weigh(
    heats: Sequence[Melt],
    kind: Kind,
    steady: Sequence[Steady],
    *,
    known: float,
    between: int,
    observed: float,
    slow: bool,
) -> Weighed:
    """Evidence of heats that may belong together.

    Parameters
    ----------
    heats : sequence of Melt
        In order of time; the last may be going on.
    steady : sequence of Steady
        Heaters that the feeder is known to have.
    known : float
        W of the largest other converter load of the feeder.
    between : int
        Melts of another size among them.
    observed : float
        s that the feeder had been watched before the first of the heats.
    slow : bool
        Whether the meter is read so seldom that a melt is a handful of readings.
    """
    total: dict[str, float] = {"unlike_between": -2.0 * between}
    for i, heat in enumerate(heats):
        for name, weight in _alone(heat, kind, slow):
            total[name] = total.get(name, 0.0) + weight * again(i)
        if any(like(heat, s) for s in steady):
            total["steady_heater"] = total.get("steady_heater", 0.0) - 3.0
        for name, weight in _repeated(heats[i - 1], heat) if i else ():
            total[name] = total.get(name, 0.0) + weight
    if kind == "induction" and max([known, *(s.power for s in steady)]) <= 0.8 * heats[0].power:
        total["new_on_this_feeder"] = 3.5 * min(1.0, max(0.0, observed / DAY - 0.5) / 2)
    return summed(total)


def _alone(heat: Melt, kind: Kind, slow: bool) -> list[tuple[str, float]]:
    parts: list[tuple[str, float]] = []
    if kind == "line_frequency":
        parts += [("unbalance_wanders", 1.5), ("tap_steps", 1.0 if heat.steps >= 3 and heat.ramp >= 240 else 0.0)]
    else:
        flat = heat.flat >= 0.75 and heat.ripple <= 0.02
        parts += [("converter_spectrum", 0.5), ("flat_plateau", 0.5 if flat else 0.0)]
        parts.append(("soft_start", 4.5 if not slow and _soft_start(heat) else 0.0))
    parts.append(("falls_to_nothing", 0.5 if heat.deep >= 0.9 else 0.0))
    return parts


def _soft_start(heat: Melt) -> bool:
    """Turned up by hand over minutes and steps, then held: drives wander on, and heaters go up at once."""
    held = heat.lasted - heat.ramp >= 900 and heat.flat >= 0.85 and heat.ripple <= 0.0125
    return held and 480 <= heat.ramp <= 4800 and heat.steps >= 3


def _repeated(before: Melt, heat: Melt) -> list[tuple[str, float]]:
    if not heat.deep:  # it goes on
        return []
    return [  # forging heaters hold their power too
        ("equal_energy", graded(abs(heat.energy / before.energy - 1), _ENERGY)),
        ("equal_plateau", graded(apart(before, heat), _LEVEL)),
        ("short_tap", 1.0 if heat.began - before.ended <= 1500 else 0.0),
    ]
