"""What a point counted up to each edge of a common grid of time, so that points can be compared."""

import math
from collections.abc import Mapping

import msgspec

from stillcold_core.detect.energy import coarsest_step

GRID = 300.0
"""s between edges."""
KEPT = 40
"""Edges that wait for other points: 3 h 20 min."""
_WIDEST = 2.5  # usual intervals between two samples over which an edge is still read off a straight line
_SHORTEST = 150.0  # s over which it always is
_SETTLES = 0.25  # weight of the newest interval


class Edges(msgspec.Struct, frozen=True):
    """A point's count at the edges.

    Attributes
    ----------
    time : float, optional
        s of the last sample in order.
    rate : float
        W or m³/h at it.
    reading : float, optional
        The register at it.
    total : float
        Wh or m³ counted since the first sample: by the register where there is one, else by power or flow.
    interval : float
        s, usual, between samples.
    step : float
        Coarsest power of ten that divides all readings of the register.
    breaks : int
        How often the count was interrupted; counts before and after cannot be compared.
    at : mapping of int to (float, int)
        Count and breaks by the number of the edge, ``time / GRID``.
    late : int
        Samples left aside because a later one had been judged.
    """

    time: float | None = None
    rate: float = 0.0
    reading: float | None = None
    total: float = 0.0
    interval: float = 0.0
    step: float = 1e4
    breaks: int = 0
    at: Mapping[int, tuple[float, int]] = {}
    late: int = 0


def count(state: Edges, time: float, rate: float | None, reading: float | None, most: float) -> Edges:
    """One more sample of a point.

    Parameters
    ----------
    rate : float, optional
        W or m³/h; absent values leave the count to the register.
    reading : float, optional
        Wh or m³; one that does not follow from the last one within ``most`` an hour interrupts the count.
    """
    if state.time is None:
        return Edges(time=time, rate=rate or 0.0, reading=reading)
    if time <= state.time:
        return msgspec.structs.replace(state, late=state.late + 1)
    if reading is None and (rate is None or state.reading is not None):
        return state  # a meter with a register is counted by it alone
    seconds = time - state.time
    added = _added(state, seconds, rate, reading, most)
    wide = seconds > max(_WIDEST * state.interval, _SHORTEST) if state.interval else False
    broken = added is None or (wide and reading is None)
    breaks = state.breaks + broken
    total = state.total + (added or 0.0)
    interval = _usual(state.interval, seconds)
    step = state.step if reading is None else coarsest_step(state.step, reading)
    at = state.at
    if math.floor(time / GRID) > math.floor(state.time / GRID) and not broken and not wide:
        at = _kept({**at, **_crossed(state.time, time, state.total, total, breaks)})
    return Edges(time, rate or 0.0, reading, total, interval, step, breaks, at, state.late)


def _added(state: Edges, seconds: float, rate: float | None, reading: float | None, most: float) -> float | None:
    if reading is None:
        return (abs(rate or 0.0) + abs(state.rate)) / 2 * seconds / 3600
    if state.reading is None:
        return None
    advance = reading - state.reading
    return advance if 0 <= advance <= most * seconds / 3600 + 2 * state.step else None


def _usual(interval: float, seconds: float) -> float:
    return seconds if not interval else interval + _SETTLES * (min(seconds, 3 * interval) - interval)


def _crossed(before: float, time: float, low: float, high: float, breaks: int) -> dict[int, tuple[float, int]]:
    first, last = math.floor(before / GRID) + 1, math.floor(time / GRID)
    slope = (high - low) / (time - before)
    return {k: (low + slope * (k * GRID - before), breaks) for k in range(max(first, last - KEPT), last + 1)}


def _kept(at: dict[int, tuple[float, int]]) -> dict[int, tuple[float, int]]:
    return {k: at[k] for k in sorted(at)[-KEPT:]}


def advanced(state: Edges, first: int, last: int) -> float | None:
    """What was counted between two edges; None where it was interrupted or is not known."""
    a, b = state.at.get(first), state.at.get(last)
    return None if a is None or b is None or a[1] != b[1] else b[0] - a[0]
