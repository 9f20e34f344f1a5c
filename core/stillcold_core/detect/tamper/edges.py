"""What a point counted up to each edge of a common grid of time, so that points can be compared."""

import math
from collections.abc import Mapping

import msgspec

from stillcold_core.detect.energy import coarsest_step
from stillcold_core.detect.kernels import kernel
from stillcold_core.samples import Floats

GRID = 300.0
"""s between edges."""
LATE = 38
"""Edges for which other points are waited for: a little more than three hours."""
KEPT = 64
"""Edges that are kept: those, and the longest window, and some more."""
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
        W or m³/h at it; infinite where only the register tells.
    reading : float
        The register at it; -1 where there is none.
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
    reading: float = -1.0
    total: float = 0.0
    interval: float = 0.0
    step: float = 1e4
    breaks: int = 0
    at: Mapping[int, tuple[float, int]] = {}
    late: int = 0


def count(
    state: Edges, times: Floats, rates: Floats, readings: Floats, most: float, first: int
) -> tuple[Edges, int, bool]:
    """Go on until an edge has been passed.

    Parameters
    ----------
    times, rates, readings : ndarray, shape (n,)
        Samples of a point: W or m³/h, and its register in Wh or m³. A point that has a register is counted by it alone.
    most : float
        Advance of the register in an hour that is not believed any more, and interrupts the count.
    first : int
        Sample to go on with.

    Returns
    -------
    state : Edges
    following : int
        Sample to go on with.
    passed : bool
        Whether an edge was.
    """
    if state.time is not None:
        first, scalars = _between_edges(times, rates, readings, most, first, _scalars(state))
        state = _state(state, scalars)
    if first == len(times):
        return state, first, False
    after = _crossing(state, float(times[first]), float(rates[first]), float(readings[first]), most)
    return after, first + 1, after.at is not state.at


_Scalars = tuple[float, float, float, float, float, float, int, int]


@kernel
def _between_edges(
    times: Floats, rates: Floats, readings: Floats, most: float, first: int, scalars: _Scalars
) -> tuple[int, _Scalars]:
    """Over all samples before the next edge, as far as each goes on from the one before."""
    time, rate, reading, total, interval, step, breaks, late = scalars
    i = first
    while i < len(times) and times[i] < (time // GRID + 1) * GRID:
        now, seconds = readings[i], times[i] - time
        if seconds <= 0:
            late += 1
        elif not now >= 0:
            if reading < 0 and rates[i] == rates[i]:
                if interval > 0 and seconds > _SHORTEST and seconds > _WIDEST * interval:
                    break
                total += (abs(rates[i]) + abs(rate)) / 2 * seconds / 3600
                interval = interval + _SETTLES * (min(seconds, 3 * interval) - interval) if interval > 0 else seconds
                time, rate = times[i], rates[i]
        else:
            advance = now - reading
            if reading < 0 or not 0 <= advance <= most * seconds / 3600 + 2 * step:
                break
            total += advance
            interval = interval + _SETTLES * (min(seconds, 3 * interval) - interval) if interval > 0 else seconds
            while step > 1 and round(now) % step != 0:
                step /= 10
            time, reading = times[i], now
            rate = rates[i] if rates[i] == rates[i] else math.inf
        i += 1
    return i, (time, rate, reading, total, interval, step, breaks, late)


def _scalars(state: Edges) -> _Scalars:
    s = state
    return (s.time or 0.0, s.rate, s.reading, s.total, s.interval, s.step, s.breaks, s.late)


def _state(state: Edges, scalars: _Scalars) -> Edges:
    """With plain numbers: those of an array cannot be saved."""
    time, rate, reading, total, interval, step, breaks, late = scalars
    return Edges(
        float(time), float(rate), float(reading), float(total), float(interval), float(step), int(breaks), state.at,
        int(late),
    )  # fmt: skip


def _crossing(state: Edges, time: float, rate: float, reading: float, most: float) -> Edges:
    """A sample behind an edge, or one that does not go on from the one before."""
    shown, known = (math.inf if math.isnan(rate) else rate), not math.isnan(reading)
    if state.time is None:
        return state if math.isnan(rate) and not known else Edges(time, shown, reading if known else -1.0)
    if time <= state.time:
        return msgspec.structs.replace(state, late=state.late + 1)
    if not known and (math.isnan(rate) or state.reading >= 0):
        return state  # a meter with a register is counted by it alone
    seconds = time - state.time
    added = _added(state, seconds, shown, reading, most)
    wide = seconds > max(_WIDEST * state.interval, _SHORTEST) if state.interval else False
    broken = added is None or (wide and not known)
    breaks = state.breaks + broken
    total = state.total + (added or 0.0)
    step = coarsest_step(state.step, reading) if known else state.step
    at = state.at
    if time // GRID > state.time // GRID and not broken and not wide:
        at = _kept({**at, **_crossed(state.time, time, state.total, total, breaks)})
    return Edges(
        time, shown, reading if known else -1.0, total, _usual(state.interval, seconds), step, breaks, at, state.late
    )


def _added(state: Edges, seconds: float, rate: float, reading: float, most: float) -> float | None:
    if math.isnan(reading):
        return (abs(rate) + abs(state.rate)) / 2 * seconds / 3600
    if state.reading < 0:
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


def coarseness(state: Edges, taken: float, seconds: float) -> float:
    """By how much a register may be off that counted so much: two of its steps; where it stood, what power can explain.

    The step of a register that has never moved is not known.
    """
    explained = 2 * abs(state.rate) * seconds / 3600 if taken == 0 and state.reading >= 0 else math.inf
    return min(2 * state.step, explained)
