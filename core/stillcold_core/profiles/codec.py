"""Register words to values and back, by one profile, so that a simulator encodes as the agent decodes."""

import math
import struct
from collections.abc import Callable, Sequence
from functools import cache

from stillcold_core.profiles.model import Order, Profile, Ratios, Register, Type
from stillcold_core.quantities import QUANTITIES, Kind
from stillcold_core.readings import Absence, Value

FORMAT: dict[Type, str] = {
    "uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q", "float32": "f",
    "float64": "d", "bit": "H",
}  # fmt: skip
NO_RATIOS = Ratios()


def decode(profile: Profile, register: Register, words: Sequence[int], ratios: Ratios = NO_RATIOS) -> Value:
    """Value of a register in the vocabulary's unit.

    Parameters
    ----------
    profile, register
        How to read it.
    words : sequence of int, length ``register.words``
        As they came.
    ratios : Ratios
        Of the installed transformers.

    Returns
    -------
    float or Absence
        ``out_of_range`` where the number is NaN, infinite or not plausible, or a gauge's integer stands at an end of
        its type.

    Examples
    --------
    >>> from stillcold_core.profiles import load_profile
    >>> sdm630 = load_profile("eastron-sdm630")
    >>> decode(sdm630, sdm630.register_of("frequency"), [0x4248, 0x0000])
    50.0
    """
    return decoder(profile, register, ratios)(words)


def decoder(profile: Profile, register: Register, ratios: Ratios = NO_RATIOS) -> Callable[[Sequence[int]], Value]:
    """:func:`decode` of one register, with what does not change from value to value worked out before."""
    number, exponent = _unrounded(profile, register, ratios), register.exponent
    low, high = QUANTITIES[register.quantity].low, QUANTITIES[register.quantity].high
    nothing = frozenset(map(_arranger(register.type, profile.orders(register)), ends(register)))

    def value(words: Sequence[int]) -> Value:
        if tuple(words) in nothing:
            return Absence.OUT_OF_RANGE
        rounded = _round(number(words), exponent)
        return rounded if low <= rounded <= high else Absence.OUT_OF_RANGE

    return value


def ends(register: Register) -> tuple[int, ...]:
    """Counts with which a meter says that it does not have a value, or that it does not fit the register.

    Every bit of an unsigned integer (ABB, SunSpec); of a signed one the greatest (ABB) and the least (SunSpec).
    """
    kind = register.type
    if QUANTITIES[register.quantity].kind is not Kind.GAUGE or kind == "bit" or kind.startswith("float"):
        return ()
    low, high = _limits(kind)
    return (high,) if kind.startswith("uint") else (low, high)


def unrounded(profile: Profile, register: Register, words: Sequence[int], ratios: Ratios = NO_RATIOS) -> float:
    """Value of a register in the vocabulary's unit with all its digits, plausible or not; see :func:`decode`.

    Encoded again it gives the words that it came from.
    """
    return _unrounded(profile, register, ratios)(words)


def encode(profile: Profile, register: Register, value: float, ratios: Ratios = NO_RATIOS) -> tuple[int, ...]:
    """Words that a meter would show for a value: rounded, limited to its type, rolled over at its modulus.

    Parameters
    ----------
    value : float
        In the vocabulary's unit; NaN gives a float register's NaN, and the largest count of an integer one.
    """
    return encoder(profile, register, ratios)(value)


def encoder(profile: Profile, register: Register, ratios: Ratios = NO_RATIOS) -> Callable[[float], tuple[int, ...]]:
    """:func:`encode` of one register, with what does not change from value to value worked out before."""
    factor, span = register.factor(ratios), modulus(register)
    arrange = _arranger(register.type, profile.orders(register))
    limit = None if register.type.startswith("float") else _limiter(register.type)

    def words(value: float) -> tuple[int, ...]:
        number = value / factor
        if span:
            number %= span
        return arrange(limit(number) if limit else number)

    return words


def modulus(register: Register) -> float:
    """Counts at which a register that only counts up starts again from 0; 0 where it does not roll over.

    Notes
    -----
    A float register loses steps before it rolls over, so only a stated modulus counts there. A type that ends far
    beyond the quantity's bounds, as 64 bits do, is never filled.
    """
    if register.modulus:
        return register.modulus / register.scale
    quantity, counts = QUANTITIES[register.quantity], 2.0 ** (16 * register.words)
    if quantity.kind == "register" and register.type.startswith("uint") and counts * register.step <= quantity.high:
        return counts
    return 0.0


def _unrounded(profile: Profile, register: Register, ratios: Ratios) -> Callable[[Sequence[int]], float]:
    gather, factor = _gatherer(register.type, profile.orders(register)), register.factor(ratios)
    if register.transform == "four_quadrant":
        return lambda words: unfold(gather(words)) * factor
    return lambda words: gather(words) * factor


@cache
def _gatherer(kind: Type, orders: tuple[Order, Order]) -> Callable[[Sequence[int]], float]:
    """From the words of a type to its number."""
    if kind == "bit":
        return lambda words: float(words[0] != 0)
    packed = struct.Struct(">" + FORMAT[kind])
    halves = struct.Struct(("<" if orders[0] == "little" else ">") + f"{packed.size // 2}H")
    if orders[1] == "big":
        return lambda words: float(packed.unpack(halves.pack(*words))[0])
    return lambda words: float(packed.unpack(halves.pack(*words[::-1]))[0])


@cache
def _arranger(kind: Type, orders: tuple[Order, Order]) -> Callable[[float], tuple[int, ...]]:
    """From a number of a type to its words."""
    packed = struct.Struct(">" + FORMAT[kind])
    words = struct.Struct(("<" if orders[0] == "little" else ">") + f"{packed.size // 2}H")
    if orders[1] == "big":
        return lambda number: words.unpack(packed.pack(number))
    return lambda number: words.unpack(packed.pack(number))[::-1]


def _round(value: float, exponent: int) -> float:
    """Nearest ``n * 10**exponent``; NaN, infinity and what is far beyond every bound stay what they are."""
    if not abs(value) < 1e18:
        return value
    return (
        round(value * 10.0**-exponent) / 10.0**-exponent
        if exponent < 0
        else round(value / 10.0**exponent) * 10.0**exponent
    )


@cache
def _limiter(kind: Type) -> Callable[[float], int]:
    """From any number to the nearest that an integer type holds."""
    if kind == "bit":
        return lambda number: int(number >= 0.5)
    low, high = _limits(kind)
    return lambda number: high if math.isnan(number) else min(max(round(number), low), high)


def _limits(kind: Type) -> tuple[int, int]:
    """Least and greatest count of an integer type."""
    bits = 8 * struct.calcsize(">" + FORMAT[kind])
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind.startswith("int") else (0, (1 << bits) - 1)


def unfold(number: float) -> float:
    """Power factor of Schneider PowerLogic's "4Q_FP_PF": 1..2 and -2..-1 mirror at ±1 to tell leading from lagging."""
    if abs(number) > 2:
        return math.nan
    return 2 - number if number > 1 else -2 - number if number < -1 else number
