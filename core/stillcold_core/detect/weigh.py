"""Evidence for a furnace: what each melt and its repetition speak for and against, added up.

Each weight is a natural logarithm of how much likelier the thing seen is with a furnace than with a legal load; their
sum is compared with a threshold, as in Wald's sequential test. The weights are rounded from simulated feeders.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from stillcold_core.detect.melt import Melt

Kind = Literal["induction", "line_frequency"]
_DAY = 86400.0
_AGAIN = (1.0, 1 / 3, 0.0)  # of its weight that a first, a second and a later heat's own looks have


@dataclass(frozen=True, slots=True)
class MeltLimits:
    """What a furnace's heat can be.

    Attributes
    ----------
    power : float
        W on the plateau, at least; the smallest furnace of the field takes 350 kW.
    energy : float
        Wh, at least.
    shortest, longest : float
        s from its beginning to its end.
    converter : float
        VA of distortion that a W brings where a converter takes it, at least; 12 pulses give 0.12, 6 about 0.28.
    converter_most : float
        The same above which it is no furnace's.
    wander : float
        Change of the phases' unbalance from minute to minute, share of the power, from which on a single-phase coil
        with balancing takes it.
    repeat : float
        s from the end of one heat to the beginning of the next, at most, for them to belong together.
    memory : float
        s that steady heaters are remembered.
    """

    power: float = 120e3
    energy: float = 80e3
    shortest: float = 1500.0
    longest: float = 2.75 * 3600
    converter: float = 0.1
    converter_most: float = 0.6
    wander: float = 0.005
    repeat: float = 12 * 3600.0
    memory: float = 30 * _DAY


class Steady(msgspec.Struct, frozen=True):
    """A heater that works for hours without a pause, as those of forges do.

    Attributes
    ----------
    time : float
        s at which it was last seen.
    power : float
        W
    """

    time: float
    power: float


class Weighed(msgspec.Struct, frozen=True):
    """Evidence and what it is made of.

    Attributes
    ----------
    score : float
        Sum of the weights.
    parts : tuple of pairs
        What spoke and with which weight, of all heats together.
    """

    score: float
    parts: tuple[tuple[str, float], ...]


def kind_of(melt: Melt, limits: MeltLimits, slow: bool) -> Kind | None:
    """Which furnace a melt can be of; None where it can be of none.

    Parameters
    ----------
    slow : bool
        Whether the meter is read so seldom that a melt is a handful of readings.
    """
    if melt.power < limits.power or melt.energy < limits.energy or not limits.shortest <= melt.lasted:
        return None
    if melt.lasted > limits.longest and melt.ramp < 0.4 * melt.lasted:
        return None
    if melt.ratio is None:
        flat = melt.flat >= (0.3 if slow else 0.6) and melt.ripple <= (0.1 if slow else 0.03)
        return "induction" if flat else None
    if melt.ratio >= limits.converter:
        fits = melt.ratio <= limits.converter_most and melt.flat >= 0.6 and melt.ripple <= 0.03
        return "induction" if fits else None
    wanders = melt.wander is not None and limits.wander <= melt.wander <= 0.06 and melt.ripple <= 0.15
    return "line_frequency" if wanders and not slow else None


def is_steady(melt: Melt, limits: MeltLimits) -> bool:
    """Whether a melt is the work of a heater that goes on for hours."""
    held = melt.flat >= 0.6 and melt.ripple <= 0.05
    return held and melt.lasted > limits.longest and melt.power >= limits.power and melt.ramp < 0.4 * melt.lasted


def alike(heats: Sequence[Melt], slow: bool) -> tuple[tuple[Melt, ...], int]:
    """Those of the heats whose plateau is that of the last one, and how many others stand between them."""
    last, most = heats[-1], 0.06 if slow else 0.15
    near = [i for i, h in enumerate(heats) if _apart(h, last) <= most]
    return tuple(heats[i] for i in near), len(heats) - near[0] - len(near)


def weigh(
    heats: Sequence[Melt],
    kind: Kind,
    steady: Sequence[Steady],
    *,
    known: float,
    between: int,
    observed: float,
    unusual: float,
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
    unusual : float
        What the feeder took with them, as a multiple of what it had taken before at these hours of the day, at most.
    slow : bool
        Whether the meter is read so seldom that a melt is a handful of readings.
    """
    total: dict[str, float] = {"unlike_between": -2.0 * between}
    for i, heat in enumerate(heats):
        for name, weight in _alone(heat, kind, slow):
            # What one load shows again is no new witness.
            total[name] = total.get(name, 0.0) + weight * _AGAIN[min(i, 2)]
        if any(_like(heat, s) for s in steady):
            total["steady_heater"] = total.get("steady_heater", 0.0) - 3.0
        if i:
            for name, weight in _repeated(heats[i - 1], heat, slow):
                total[name] = total.get(name, 0.0) + weight
    total |= _new(heats, kind, max([known, *(s.power for s in steady)]), observed, unusual)
    return Weighed(sum(total.values()), tuple((name, round(weight, 2)) for name, weight in total.items() if weight))


def _alone(heat: Melt, kind: Kind, slow: bool) -> list[tuple[str, float]]:
    spectral = heat.ratio is not None
    parts: list[tuple[str, float]] = []
    if kind == "line_frequency":
        parts += [("unbalance_wanders", 1.5), ("tap_steps", 1.0 if heat.steps >= 3 and heat.ramp >= 240 else 0.0)]
    else:
        parts.append(("converter_spectrum", 0.5) if spectral else ("plateau", 0.5))
        flat = heat.flat >= 0.75 and heat.ripple <= 0.02
        parts.append(("flat_plateau", 0.5 if flat and spectral else 0.0))
        soft = not slow and _soft_start(heat)
        parts.append(("soft_start", (4.5 if spectral else 1.0) if soft else 0.0))
    parts.append(("falls_to_nothing", (0.5 if spectral else 0.25) if heat.deep >= 0.9 else 0.0))
    return parts


def _soft_start(heat: Melt) -> bool:
    """Turned up by hand over minutes and steps, then held: drives wander on, and heaters go up at once."""
    held = heat.lasted - heat.ramp >= 900 and heat.flat >= 0.85 and heat.ripple <= 0.0125
    return held and 480 <= heat.ramp <= 4800 and heat.steps >= 3


def _repeated(before: Melt, heat: Melt, slow: bool) -> list[tuple[str, float]]:
    if not heat.deep:  # it goes on
        return []
    energy = abs(heat.energy / before.energy - 1)
    level = _apart(before, heat)
    gap = heat.began - before.ended
    if slow and gap > _FAR:
        return []
    if slow and heat.ratio is None and level > 0.03:
        return [("equal_plateau", -2.0)]  # a handful of readings: only a plateau held tells a converter from an arc
    if heat.ratio is not None:  # forging heaters hold their power too
        return [
            ("equal_energy", _graded(energy, _ENERGY_SPECTRAL)),
            ("equal_plateau", _graded(level, _LEVEL_SPECTRAL)),
            ("short_tap", 1.0 if gap <= 1500 else 0.0),
        ]
    return [
        ("equal_energy", _graded(energy, _ENERGY_SLOW if slow else _ENERGY)),
        ("equal_plateau", _graded(level, _LEVEL_SLOW if slow else _LEVEL)),
        ("short_tap", 1.0 if gap <= (2400 if slow else 1500) else 0.0),
    ]


_FAR = 7200.0  # s after which a like melt is no repetition, where a melt is a handful of readings
# Weights by the difference up to which they hold. In 15 min there is room for a sixth of a heat on either side.
_ENERGY = ((0.06, 2.5), (0.15, 1.25), (0.3, 0.0), (math.inf, -1.0))
_ENERGY_SLOW = ((0.08, 2.5), (0.14, 2.0), (0.25, 1.0), (0.35, 0.0), (math.inf, -1.0))
_ENERGY_SPECTRAL = ((0.06, 1.5), (0.15, 0.75), (0.3, 0.0), (math.inf, -1.0))
_LEVEL_SPECTRAL = ((0.05, 0.5), (math.inf, -1.0))
_LEVEL = ((0.02, 1.5), (0.05, 0.5), (math.inf, -1.0))
_LEVEL_SLOW = ((0.01, 1.5), (0.02, 1.0), (0.03, 0.5), (math.inf, -2.0))


def _graded(difference: float, weights: Sequence[tuple[float, float]]) -> float:
    return next(weight for most, weight in weights if difference <= most)


def _new(heats: Sequence[Melt], kind: Kind, known: float, observed: float, unusual: float) -> dict[str, float]:
    if heats[-1].ratio is None:
        return {"unusual_hour": 3.0 if unusual > 2 else 1.5 if unusual > 1.3 else 0.0}
    if kind == "line_frequency" or known > 0.8 * heats[0].power:
        return {}
    return {"new_on_this_feeder": 3.5 * min(1.0, max(0.0, observed / _DAY - 0.5) / 2)}


def _apart(one: Melt, other: Melt) -> float:
    """Difference of two plateaus, share of the power, where the other loads moved in between or not."""
    power = one.power - other.power
    return min(abs(power), abs(power + one.floor - other.floor)) / other.power


def _like(heat: Melt, steady: Steady) -> bool:
    return abs(heat.power / steady.power - 1) <= 0.12
