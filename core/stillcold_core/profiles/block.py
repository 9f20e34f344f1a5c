"""All registers of one request at once: what a gateway does with every answer."""

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter

from stillcold_core.profiles.codec import FORMAT, NO_RATIOS, ends, unfold
from stillcold_core.profiles.model import Order, Profile, Ratios, Register
from stillcold_core.profiles.plan import Read
from stillcold_core.quantities import QUANTITIES
from stillcold_core.readings import Absence, Value

_MOST = 1e18
"""Beyond every bound; such a number need not be rounded."""
_Place = tuple[Register, int]


def block_decoder(
    profile: Profile, read: Read, ratios: Ratios = NO_RATIOS
) -> Callable[[Sequence[int]], dict[str, Value]]:
    """What :func:`~stillcold_core.profiles.decode` gives for each register of a request, in one go.

    Parameters
    ----------
    profile, read
        How to read it.
    ratios : Ratios
        Of the installed transformers.

    Returns
    -------
    callable
        From the words (or bits) of an answer to the values by quantity.

    Notes
    -----
    The words of all registers are packed, and their numbers unpacked, by one call each: a third of the time that a
    call a register takes.
    """
    orders: dict[Order, list[_Place]] = {}
    for place in read.registers:
        orders.setdefault(profile.orders(place[0])[0], []).append(place)
    parts = [_part(profile, order, places, ratios) for order, places in orders.items()]
    if len(parts) == 1:
        return parts[0]

    def values(words: Sequence[int]) -> dict[str, Value]:
        return {quantity: value for part in parts for quantity, value in part(words).items()}

    return values


def _part(
    profile: Profile, byte_order: Order, places: Sequence[_Place], ratios: Ratios
) -> Callable[[Sequence[int]], dict[str, Value]]:
    """Of registers with one byte order."""
    picked = [i for register, offset in places for i in _indices(profile, register, offset)]
    # itemgetter gives no tuple for one index alone.
    pick = itemgetter(*picked) if len(picked) > 1 else lambda words: (words[picked[0]],)
    pack = struct.Struct(f"{'<' if byte_order == 'little' else '>'}{len(picked)}H").pack
    unpack = struct.Struct(">" + "".join(FORMAT[register.type] for register, _ in places)).unpack
    steps = [_step(register, ratios) for register, _ in places]

    def values(words: Sequence[int]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        numbers = unpack(pack(*pick(words)))
        for (quantity, nothing, shape, factor, fine, coarse, low, high), number in zip(steps, numbers, strict=True):
            if number in nothing:
                found[quantity] = Absence.OUT_OF_RANGE
                continue
            value = (number if shape is None else shape(number)) * factor
            if -_MOST < value < _MOST:
                value = round(value * fine) / fine if fine else round(value / coarse) * coarse
            found[quantity] = value if low <= value <= high else Absence.OUT_OF_RANGE
        return found

    return values


def _indices(profile: Profile, register: Register, offset: int) -> Sequence[int]:
    """Of its words in the answer, the most significant first."""
    span = range(offset, offset + register.words)
    return span if profile.orders(register)[1] == "big" else span[::-1]


_Step = tuple[str, tuple[int, ...], Callable[[float], float] | None, float, float, float, float, float]
"""Quantity, numbers that say nothing, shape, factor, reciprocal of a fine step or 0, a coarse step, bounds."""


def _step(register: Register, ratios: Ratios) -> _Step:
    quantity, exponent = QUANTITIES[register.quantity], register.exponent
    shape = {"bit": _is_set}.get(register.type) or (unfold if register.transform == "four_quadrant" else None)
    fine, coarse = (10.0**-exponent, 1.0) if exponent < 0 else (0.0, 10.0**exponent)
    return quantity.name, ends(register), shape, register.factor(ratios), fine, coarse, quantity.low, quantity.high


def _is_set(number: float) -> float:
    return float(number != 0)
