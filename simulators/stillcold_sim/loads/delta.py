"""Loads between conductors: what they take from each phase."""

import cmath
import math
from typing import NamedTuple

from stillcold_sim.loads.demand import Three

_PHASE = tuple(cmath.rect(1 / math.sqrt(3), math.radians(d)) for d in (0, -120, 120))  # line to line = 1
_LINE = tuple(_PHASE[i] - _PHASE[(i + 1) % 3] for i in range(3))  # 1–2, 2–3, 3–1


class Phases(NamedTuple):
    """Power of three phases, as a demand says it: in all, its shares, and what the reactive power differs by."""

    active_power: float
    reactive_power: float
    shares: Three
    reactive_shift: Three


def delta(between: tuple[complex, complex, complex], first: int = 0) -> Phases:
    """What the phases carry of loads between conductors.

    Parameters
    ----------
    between : tuple of three complex
        W + j var of the loads between 1 and 2, 2 and 3, 3 and 1; together they take active power.
    first : int
        Phase that 1 is, counted from 0.

    Examples
    --------
    >>> [round(s, 3) for s in delta((300 + 0j, 0j, 0j)).shares]
    [0.5, 0.5, 0.0]
    """
    currents = [(s / v).conjugate() for s, v in zip(between, _LINE, strict=True)]
    powers = [_PHASE[i] * (currents[i] - currents[i - 1]).conjugate() for i in range(3)]
    total = sum(powers)
    a, b, c = (powers[(i - first) % 3] for i in range(3))
    shares = (a.real / total.real, b.real / total.real, c.real / total.real)
    shift = (a.imag - total.imag * shares[0], b.imag - total.imag * shares[1], c.imag - total.imag * shares[2])
    return Phases(total.real, total.imag, shares, shift)
