"""Evidence for a medium-frequency furnace where the meter tells its distortion: heats of a converter."""

import math
from collections.abc import Sequence

import msgspec

from stillcold_core.detect.evidence import DAY, MeltLimits, Weighed, added, again, graded, heat_sized, summed
from stillcold_core.detect.heat import Heat
from stillcold_core.detect.hours import Past, weights
from stillcold_core.detect.minutes import SLOW

_HOUR, _MINUTE = 3600.0, 60.0
STEADY = 2.75 * _HOUR
"""s that no heat lasts, and a heater does."""
_ALIKE = 0.2  # by which the runs of one converter differ, share of the power
_ALIKE_SPECTRUM = 0.3  # the same of their distortion
_OF_OLD = 12 * _HOUR  # s after which a converter that was no furnace belongs to the feeder
_LENGTH = ((40.0, -1.0), (45.0, 0.5), (100.0, 2.0), (140.0, 0.5), (165.0, -0.5), (math.inf, -2.0))
_SIZE = ((200e3, -2.0), (300e3, -0.5), (math.inf, 1.0))
_TAP = ((4.0, 0.5), (18.0, 2.0), (25.0, 0.5), (120.0, 0.0), (math.inf, -0.5))
_ENERGY = ((0.06, 1.0), (0.15, 0.5), (0.3, 0.0), (math.inf, -1.0))
_DRIVE = ((0.31, 0.0), (0.36, -0.5), (math.inf, -1.0))
_LEVEL = ((0.08, 0.5), (0.15, 0.0), (math.inf, -1.5))
_LONG = 2400.0  # s of a run that goes on after which it is none of a charger or a drive that is started
_UNEQUAL = 1.6  # times the least energy of several heats, that a furnace's heats do not exceed
_ROUGH = 0.02  # ripple of a drive rather than of a furnace
UNSEEN_RIPPLE = 0.015
"""Ripple of a heat whose plateau cannot be told from what runs beside it: neither a furnace's nor a drive's."""
_NO_SHAPE, _SINGLE = 600.0, -3.0  # s of a stretch from which on a heat has no shape, and weight of a single one then

_MOST = {"equal_plateau": 1.0, "tap": 4.0, "equal_energy": 2.0}  # what repetition weighs at most


class Known(msgspec.Struct, frozen=True):
    """A converter of the feeder that made no heats.

    Attributes
    ----------
    power, ratio : float
        W, and VA of distortion that a W of it brings.
    first, last : float
        s at which it was seen first and last.
    longest : float
        s that it worked without a pause.
    other : bool
        Whether it ran as no furnace does.
    """

    power: float
    ratio: float
    first: float
    last: float
    longest: float
    other: bool


def fits(heat: Heat, limits: MeltLimits, slow: bool) -> bool:
    """Whether a converter's run can be a heat.

    Parameters
    ----------
    slow : bool
        Whether the meter is read so seldom that a heat is a handful of readings.
    """
    if not heat_sized(heat, limits):
        return False
    converter = max(heat.ratio, heat.ratio_apart) >= limits.converter and heat.ratio <= limits.converter_most
    held = heat.flat >= 0.5 and heat.ripple <= 0.1 if slow else heat.flat >= 0.6 and heat.ripple <= 0.03
    return converter and held


def remembered(known: Sequence[Known], heat: Heat, memory: float, *, other: bool) -> tuple[Known, ...]:
    """The feeder's converters with one more run of one of them, ``other`` if no furnace runs so."""
    kept = [k for k in known if heat.ended - k.last <= memory]
    alike = [k for k in kept if _same(k, heat, _ALIKE / 2)]
    same = min(alike, key=lambda k: abs(heat.power / k.power - 1), default=None)
    lasted = heat.lasted - heat.ramp  # a lining is sintered for hours
    if same is None:
        return (*kept[-11:], Known(heat.power, heat.ratio, heat.began, heat.ended, lasted, other))
    kept.remove(same)
    more = Known(same.power, same.ratio, same.first, heat.ended, max(same.longest, lasted), same.other or other)
    return (*kept, more)


def _same(known: Known, heat: Heat, alike: float) -> bool:
    return abs(heat.power / known.power - 1) <= alike and abs(heat.ratio / known.ratio - 1) <= _ALIKE_SPECTRUM


def weigh(
    heats: Sequence[Heat], known: Sequence[Known], past: Past, *, length: float, between: int = 0, paired: bool = False
) -> Weighed:
    """Evidence of heats that may belong together.

    Parameters
    ----------
    heats : sequence of Heat
        In order of time; the last may be going on.
    known : sequence of Known
        Other converters of the feeder.
    past : Past
        What the feeder took before.
    length : float
        s of a stretch.
    between : int
        Runs of another size among the heats.
    paired : bool
        Whether as much came at once as went, where a heat is told by its end.
    """
    total: dict[str, float] = {"unlike_between": -1.0 * between, "equal_edges": 1.0 if paired else 0.0}
    slow = length >= SLOW
    if length >= _NO_SHAPE and len(heats) == 1:
        total["single_heat"] = _SINGLE
    added(total, heats, lambda heat: _alone(heat, slow), _repeated)
    total |= {name: min(total[name], most) for name, most in _MOST.items() if name in total}
    total |= _lengths([h for h in heats if h.told], slow) | _history(heats[0], known, past)
    total |= weights(past)
    return summed(total)


def _alone(heat: Heat, slow: bool) -> list[tuple[str, float]]:
    soft = not slow and _soft_start(heat)
    parts = [
        ("converter_spectrum", 0.5),
        ("size", graded(heat.power, _SIZE)),
        ("steady_plateau", 0.5 if slow else _steady(heat)),
        ("power_factor", 0.5 if heat.factor is not None and 0.7 <= heat.factor <= 0.985 else 0.0),
        ("drive_spectrum", graded(heat.ratio, _DRIVE)),
        ("weak_spectrum", -1.0 if max(heat.ratio, heat.ratio_apart) < 0.1 else 0.0),
        ("soft_start", 3.5 if soft else 0.0),
    ]
    if not slow:
        parts.append(("charging_dips", 1.0 if 2 <= heat.dips <= 7 else -1.0 if heat.dips > 9 else 0.0))
    if heat.told:
        held = 150 <= heat.hold <= 1500 and 0.07 <= heat.level <= 0.45
        parts += [
            ("hold", (2.0 if heat.deep >= 0.85 else 0.5) if held else 0.0),
            ("falls_to_nothing", 0.5 if heat.deep >= 0.85 else -0.5 if not heat.open else 0.0),
        ]
    return parts


def _lengths(heats: Sequence[Heat], slow: bool) -> dict[str, float]:
    """Of all heats together: a heater's runs are of any length, a furnace's take what a charge takes."""
    if not heats:
        return {}
    each = [graded(h.lasted / _MINUTE, _LENGTH) for h in heats]
    each = [max(w, 0.5) if not slow and _soft_start(h) else w for w, h in zip(each, heats, strict=True)]
    energies = sorted(h.energy for h in heats)[:-1]  # the first one heats the lining too
    unequal = len(energies) >= 3 and energies[-1] > _UNEQUAL * energies[0]
    length = sum(each) / len(each) * (1 + again(1) * (len(each) > 1))
    return {"heat_length": length, "unequal_heats": -2.0 if unequal else 0.0}


def _steady(heat: Heat) -> float:
    if heat.ripple > _ROUGH:
        return -0.5
    return 0.5 if heat.ripple <= 0.012 and heat.flat >= 0.75 else 0.0


def _soft_start(heat: Heat) -> bool:
    """Turned up by hand over minutes and steps, then held: drives wander on, and heaters go up at once."""
    held = heat.lasted - heat.ramp >= 900 and heat.flat >= 0.85 and heat.ripple <= 0.0125
    return held and heat.ratio >= 0.1 and 480 <= heat.ramp <= 4800 and heat.steps >= 3


def _repeated(before: Heat, heat: Heat) -> list[tuple[str, float]]:
    tap = (heat.began - before.ended) / _MINUTE
    parts = [
        ("equal_plateau", graded(abs(heat.power / before.power - 1), _LEVEL)),
        ("tap", graded(tap, _TAP)),
    ]
    if not heat.open:
        parts.append(("equal_energy", graded(abs(heat.energy / before.energy - 1), _ENERGY)))
    return parts


def _history(heat: Heat, known: Sequence[Known], past: Past) -> dict[str, float]:
    """What the feeder is known to run: a heater of this size, any converter of it, or none."""
    old = [k for k in known if heat.began - k.first > _OF_OLD or k.other]
    same = [k for k in old if _same(k, heat, _ALIKE)]
    if any(k.longest > STEADY for k in same):
        return {"steady_heater": -6.0}
    if same:
        return {"known_converter": -2.0}
    # What is new while the plant works may be a heater as well: only the end of its first heat tells.
    early = heat.open and not (past.quiet and heat.lasted >= _LONG)
    if early or any(k.power > 0.8 * heat.power for k in old):
        return {}
    return {"new_on_this_feeder": 2.5 * min(1.0, max(0.0, past.observed / DAY - 0.5) / 2)}
