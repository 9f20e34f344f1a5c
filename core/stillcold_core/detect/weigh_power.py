"""Evidence for a furnace by power alone: equal heats that repeat, at hours at which the feeder never took so much.

The weights are the coefficients of a logistic regression over simulated feeders: each is the natural logarithm of how
much likelier its sign is with a furnace than without, beside all the others.
"""

import math
from collections.abc import Iterator, Sequence

from stillcold_core.detect.cycles import Cycle, Cycles
from stillcold_core.detect.evidence import Weighed

MOST = 6
"""Heats that are weighed together."""
_MINUTE = 60.0
_SIZE = 290e3  # W; the smallest furnace of the field takes 350 kW, 85 % of it on its plateau

Table = tuple[tuple[float, float], ...]
# Weights by the figure up to which they hold.
_ENERGY: Table = ((0.1, 2.2), (0.2, 1.1), (0.35, 0.6), (math.inf, 0.0))
_LEVEL: Table = ((0.015, 1.0), (0.03, 0.7), (0.06, 0.2), (math.inf, 0.0))
_RIPPLE: Table = ((0.01, 0.0), (0.02, 1.5), (0.04, 0.8), (math.inf, 0.0))
_PAUSE: Table = ((18 * _MINUTE, 0.9), (28 * _MINUTE, 0.3), (math.inf, 0.0))
_PAUSES: Table = ((4 * _MINUTE, 1.6), (9 * _MINUTE, 1.4), (math.inf, 0.0))
_UNUSUAL: Table = ((1.05, -3.4), (1.3, -1.8), (2.0, 0.6), (math.inf, 2.6))
_UNKNOWN = -0.3  # weight of the hours as long as the feeder's are not known
_HEATS = (0.0, 0.0, 0.4, 0.5, 0.3)  # weight of two, three … heats
_MODERN, _OLD = (35 * _MINUTE, 85 * _MINUTE), (60 * _MINUTE, 165 * _MINUTE)  # of a heat
_LENGTH_MODERN, _LENGTH_OLD = 3.0, 2.8


def weigh(found: Cycles, unusual: Sequence[float] | None) -> Weighed | None:
    """Evidence of the heats that ended last: of as many of them as speak most; None of a single one.

    Parameters
    ----------
    found : Cycles
        The heats.
    unusual : sequence of float, optional
        What the feeder took with each of them, as a multiple of what it had taken before at these hours of the day;
        None before those are known.
    """
    weighed = [_of(found, n, unusual) for n in range(2, min(MOST, len(found.heats)) + 1)]
    return max(weighed, key=lambda w: w.score, default=None)


def _of(found: Cycles, number: int, unusual: Sequence[float] | None) -> Weighed:
    parts = [(name, weight) for name, weight in _parts(found, found.heats[:number], unusual) if weight]
    return Weighed(sum(weight for _, weight in parts), tuple(parts))


def _parts(found: Cycles, heats: Sequence[Cycle], unusual: Sequence[float] | None) -> Iterator[tuple[str, float]]:
    full, levels = [h.full for h in heats], [h.level for h in heats]
    pauses = [h.pause for h in heats[:-1]]
    yield "repeated", _HEATS[len(heats) - 2]
    yield "heat_length", _length(full)
    yield "equal_energy", _graded(_ENERGY, (max(full) - min(full)) * len(full) / sum(full))
    yield "equal_plateau", _graded(_LEVEL, max(levels) - min(levels))
    yield "plateau", _graded(_RIPPLE, sum(h.ripple for h in heats) / len(heats))
    yield "short_tap", _graded(_PAUSE, max(pauses))
    yield "equal_taps", _graded(_PAUSES, max(pauses) - min(pauses)) if len(pauses) > 1 else 0.0
    yield "unusual_hour", _UNKNOWN if unusual is None else _graded(_UNUSUAL, min(unusual[: len(heats)]))
    yield "size_of_a_furnace", 0.4 if found.power >= _SIZE else 0.0


def _length(full: Sequence[float]) -> float:
    if _MODERN[0] < min(full) and max(full) < _MODERN[1]:
        return _LENGTH_MODERN
    return _LENGTH_OLD if _OLD[0] < min(full) and max(full) < _OLD[1] else 0.0


def _graded(table: Table, figure: float) -> float:
    return next(weight for most, weight in table if figure <= most)
