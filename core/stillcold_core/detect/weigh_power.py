"""Evidence for a furnace by power alone: equal heats that repeat, at hours at which the feeder never took so much.

The weights are natural logarithms of how much likelier a sign is with a furnace than without: coefficients of a
logistic regression over rows of heats of simulated feeders, or by the sign's shares among them. Those of the feeder's
history are less than found, as simulated feeders keep regular hours.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stillcold_core.detect.cycles import Cycle, Cycles
from stillcold_core.detect.evidence import Weighed, graded

MOST = 6
"""Heats that are weighed together."""
_MINUTE = 60.0
_SIZE = 290e3  # W; the smallest furnace of the field takes 350 kW, 85 % of it on its plateau

Table = tuple[tuple[float, float], ...]
# Weights by the figure up to which they hold.
_ENERGY: Table = ((0.1, 2.2), (0.2, 1.1), (0.35, 0.6), (math.inf, 0.0))
_LEVEL: Table = ((0.015, 1.0), (0.03, 0.7), (0.06, 0.2), (math.inf, 0.0))
_RIPPLE: Table = ((0.02, 1.5), (0.04, 0.8), (math.inf, -1.7))
_UNTOLD = -1.7  # weight of a plateau of one or two means: it is flat by itself
_HELD = 2.5  # weight of a plateau of eight means or more within 1 %
_PAUSE: Table = ((18 * _MINUTE, 0.9), (28 * _MINUTE, 0.3), (math.inf, 0.0))
_PAUSES: Table = ((4 * _MINUTE, 1.6), (9 * _MINUTE, 1.4), (math.inf, 0.0))
_UNUSUAL: Table = ((1.05, -3.4), (1.3, -1.3), (2.0, 1.4), (math.inf, 2.4))
_UNKNOWN = 0.8  # weight of the hours as long as the feeder's are not known
_NEW, _HABIT, _NEW_HABIT = 1.0, -4.0, -3.0  # weight of cycles of a power that is new, known, known for a day or two
_TOPS: Table = ((0.05, 0.0), (0.08, -0.4), (math.inf, -1.0))
# Weights of a power factor of arcs and mills, of converters and of resistances; and as long as the hours are not known.
_FACTOR: Table = ((0.835, -2.5), (0.983, 0.2), (math.inf, -3.7))
_NEW_FACTOR: Table = ((0.835, -2.5), (0.983, 1.0), (math.inf, -3.7))
_SWING: Table = ((0.02, 0.5), (0.04, 0.0), (math.inf, -2.5))
# Weights by how many times as much as the feeder ever took at any hour.
_BEYOND: Table = ((1.1, 0.0), (2.5, 2.0), (math.inf, 2.8))
_UNLIKE, _OLDER = -1.2, 2  # weight of an older heat in the same row that is unlike; how many are looked at
_PAUSED = 50 * _MINUTE  # of full power that are missing between two heats that are not of one row
_FEW, _HIGH = 4, 0.85  # means of which the tops are told; share of them that the tops exceed
_OF_HISTORY = ("unusual_hour", "beyond_any_hour", "known_cycles", "new_cycles")
_HEATS = (0.0, 0.0, 0.4, 0.5, 0.3)  # weight of two, three … heats
_MODERN, _OLD = (35 * _MINUTE, 85 * _MINUTE), (60 * _MINUTE, 165 * _MINUTE)  # of a heat
_LENGTH_MODERN, _LENGTH_OLD, _NO_LENGTH = 3.0, 2.8, -3.0


class Past(NamedTuple):
    """What the feeder took before.

    Attributes
    ----------
    habit : bool
        Whether it had shown heats of this power for hours.
    unusual : list of float, optional
        What it took with each heat, as a multiple of the most that it had taken at these hours of the day; None before
        they are known.
    beyond : float
        What it took with the last heat, as a multiple of the most that it had taken at any hour.
    """

    habit: bool
    unusual: list[float] | None = None
    beyond: float = 1.0


def weigh(found: Cycles, past: Past) -> Weighed | None:
    """Evidence of the heats in a row that ended last, or of all but the first of them; None of a single one.

    Parameters
    ----------
    found : Cycles
        The heats.
    past : Past
        Of the feeder.
    """
    most = len(row(found.heats))
    weighed = [_of(found, n, past) for n in range(max(2, most - 1), most + 1)]
    return max(weighed, key=lambda w: w.score, default=None)


def row(heats: Sequence[Cycle]) -> Sequence[Cycle]:
    """Those that follow one another and end with the newest, the first of all; no more than are weighed."""
    return heats[: min(MOST, 1 + next((i for i, h in enumerate(heats) if h.pause > _PAUSED), len(heats) - 1))]


def _of(found: Cycles, number: int, past: Past) -> Weighed:
    parts = [(name, weight) for name, weight in _parts(found, found.heats[:number], past) if weight]
    return Weighed(sum(weight for _, weight in parts), tuple(parts))


def _parts(found: Cycles, heats: Sequence[Cycle], past: Past) -> Iterator[tuple[str, float]]:
    full, levels = [h.full for h in heats], [h.level for h in heats]
    pauses = [h.pause for h in heats[:-1]]
    yield "repeated", _HEATS[len(heats) - 2]
    yield "heat_length", _length(full)
    yield "equal_energy", graded((max(full) - min(full)) * len(full) / sum(full), _ENERGY)
    yield "equal_plateau", graded(max(levels) - min(levels), _LEVEL)
    yield "plateau", _plateau(heats)
    yield "short_tap", graded(max(pauses), _PAUSE)
    yield "equal_taps", graded(max(pauses) - min(pauses), _PAUSES) if len(pauses) > 1 else 0.0
    yield "uneven_tops", _tops(heats)
    yield "power_factor", _factor(heats, _NEW_FACTOR if past.unusual is None else _FACTOR)
    yield "steady_power", _steady(heats)
    yield from _history(past, len(heats))
    yield "unlike_between", _UNLIKE * sum(_unlike(found.heats, len(heats)))
    yield "size", 0.4 if found.power >= _SIZE else 0.0


def _history(past: Past, number: int) -> Iterator[tuple[str, float]]:
    if past.unusual is None:
        yield "unusual_hour", _UNKNOWN
        yield "known_cycles", _NEW_HABIT * past.habit
        return
    yield "unusual_hour", graded(min(past.unusual[:number]), _UNUSUAL)
    yield "beyond_any_hour", graded(past.beyond, _BEYOND)
    yield ("known_cycles", _HABIT) if past.habit else ("new_cycles", _NEW)


def shape(weighed: Weighed) -> float:
    """What the heats look like, whatever the feeder took before."""
    return sum(weight for name, weight in weighed.parts if name not in _OF_HISTORY)


def _tops(heats: Sequence[Cycle]) -> float:
    """A converter holds its power from above; what an arc, a press or a hall takes swings in both directions."""
    shares = sorted(share for h in heats for share in h.shares)
    if len(shares) < _FEW:
        return 0.0
    return graded(shares[int(_HIGH * len(shares))] - shares[len(shares) // 2], _TOPS)


def _factor(heats: Sequence[Cycle], weights: Table) -> float:
    factors = sorted(h.factor for h in heats if h.factor is not None)
    return graded(factors[len(factors) // 2], weights) if factors else 0.0


def _steady(heats: Sequence[Cycle]) -> float:
    """Arcs, passes and presses swing from minute to minute; a converter does while it is charged only."""
    swings = sorted(h.swing for h in heats if h.swing is not None)
    return graded(swings[len(swings) // 2], _SWING) if swings else 0.0


def _unlike(heats: Sequence[Cycle], number: int) -> Iterator[bool]:
    """Whether those before the ones weighed are unlike them, as far as they belong to the same row."""
    full = sum(h.full for h in heats[:number]) / number
    for older, newer in zip(heats[number : number + _OLDER], heats[number - 1 :], strict=False):
        if newer.pause > _PAUSED:
            return
        yield abs(older.full / full - 1) > 0.35 or abs(older.level - heats[0].level) > 0.08


def _plateau(heats: Sequence[Cycle]) -> float:
    """One of many means is flat only where a converter holds it."""
    ripple, blocks = sum(h.ripple for h in heats) / len(heats), min(len(h.shares) for h in heats)
    if ripple < 0.01:
        return _UNTOLD if blocks < 3 else _HELD if blocks >= 8 else graded(ripple, _RIPPLE)
    return graded(ripple, _RIPPLE)


def _length(full: Sequence[float]) -> float:
    if _MODERN[0] < min(full) and max(full) < _MODERN[1]:
        return _LENGTH_MODERN
    return _LENGTH_OLD if _OLD[0] < min(full) and max(full) < _OLD[1] else _NO_LENGTH
