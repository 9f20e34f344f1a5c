"""Power against the energy register where samples come too seldom to integrate: by intervals of even load."""

import math
import statistics

import msgspec

_LOADED = 0.05  # share of the rated power from which an interval is looked at
_EVEN = (
    0.2  # share by which its ends may differ: then the load hardly moved in between, or moves in step with the meter
)
_STEPS = 5  # of the register in an interval
_KEPT, _ENOUGH = 48, 24  # intervals
_NEAR = 0.15  # of the logarithm, by which one may lie off their middle
_ALIKE = 0.75  # share of them that must lie so near
_WRONG = math.log(1.35)  # by which the middle is off
_LEAST = 0.02  # of what power says, that a register counts at least in a logarithm


class Sparse(msgspec.Struct, frozen=True):
    """What the intervals of even load showed.

    Attributes
    ----------
    intervals : tuple of float
        Of the last ones: logarithm of the register's advance over ∫P.
    usual : float, optional
        Their middle, when most first were alike or when it was told.
    """

    intervals: tuple[float, ...] = ()
    usual: float | None = None


def add(
    state: Sparse, rated_power: float, ends: tuple[float, float], seconds: float, counted: float, step: float
) -> Sparse:
    """One more interval.

    Parameters
    ----------
    ends : (float, float)
        W at its beginning and end.
    seconds : float
        s, its length.
    counted, step : float
        Wh: the register's advance, and its step.
    """
    most, least = max(ends), min(ends)
    energy = (most + least) / 2 * seconds / 3600
    if least < _LOADED * rated_power or most - least > _EVEN * most or energy < _STEPS * step or counted < 0:
        return state
    told = math.log(max(counted / energy, _LEAST))
    kept = (*state.intervals, told)[-_KEPT:]
    return msgspec.structs.replace(state, intervals=kept)


def judged(state: Sparse) -> tuple[Sparse, float | None]:
    """Whether the ratio has become another one: its logarithm, the first time, and the state after that.

    Only a point whose register and power agreed at first is judged: a load whose cycle divides the interval shows the
    same part of itself each time, and never agrees.
    """
    if len(state.intervals) < _ENOUGH:
        return state, None
    middle = statistics.median(told for told in state.intervals)
    near = sum(abs(told - middle) <= _NEAR for told in state.intervals)
    if near < _ALIKE * len(state.intervals):
        return state, None
    usual = middle if state.usual is None else state.usual
    wrong = abs(usual) <= _NEAR and abs(middle) > _WRONG
    return Sparse(() if wrong else state.intervals, middle if wrong else usual), middle if wrong else None
