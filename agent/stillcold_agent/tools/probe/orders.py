"""A meter that no profile fits: the same registers with other orders of bytes and words, and one address off."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from stillcold_agent.tools.probe.fit import Fit, judge, words_of
from stillcold_agent.tools.probe.line import Line
from stillcold_agent.tools.probe.typical import ranges_of
from stillcold_core.profiles import Profile, Register
from stillcold_core.profiles.codec import unrounded
from stillcold_core.profiles.model import Order
from stillcold_core.readings import Absence

_ORDERS: tuple[tuple[Order, Order], ...] = (("big", "big"), ("big", "little"), ("little", "big"), ("little", "little"))
_SHIFTS = (0, -1, 1)
_TOLD = ("voltage_l1", "frequency", "current_l1", "active_power", "active_energy_import", "water_volume", "water_flow")


@dataclass(frozen=True, slots=True)
class Variant:
    """A profile, read otherwise.

    Attributes
    ----------
    byte_order, word_order : "big" or "little"
        Of all its registers.
    shift : int
        Added to every address.
    fit : Fit
        How well it agrees.
    """

    byte_order: Order
    word_order: Order
    shift: int
    fit: Fit


async def variants_of(line: Line, unit: int, profile: Profile) -> list[Variant]:
    """All twelve ways to read a meter by a profile, the best first; of equals, the one that changes least."""
    changed = [(*orders, shift, _changed(profile, orders, shift)) for shift in _SHIFTS for orders in _ORDERS]
    found = [Variant(b, w, s, judge(p, await words_of(line, unit, p))) for b, w, s, p in changed if p]
    return sorted(found, key=lambda v: (-v.fit.score, abs(v.shift)))


async def order_lines(line: Line, unit: int, profile: Profile) -> list[str]:
    """What the telling registers show in each order of bytes/words at each address; ``*`` where that is usual."""
    lines = [f"{'address':>14}  " + "".join(f"{b}/{w} ".rjust(15) for b, w in _ORDERS)]
    for quantity in (q for q in _TOLD if q in profile.by_quantity):
        register = profile.by_quantity[quantity]
        usual = " or ".join(f"{r.low:g} to {r.high:g}" for r in ranges_of(quantity))
        lines.append(f"{quantity}, {register.type}, usually {usual}")
        first = profile.wire_address(register)
        lines += [await _row(line, unit, profile, register, a) for a in range(max(0, first - 1), first + 2)]
    return lines


async def _row(line: Line, unit: int, profile: Profile, register: Register, address: int) -> str:
    words = await line.words(unit, profile.function_of(register), address, register.words)
    shown = words.value if isinstance(words, Absence) else "".join(_cells(profile, register, words))
    return f"{'':8}{address:>6}  {shown}"


def _cells(profile: Profile, register: Register, words: tuple[int, ...]) -> Iterator[str]:
    for orders in _ORDERS:
        value = unrounded(_with(profile, orders), _plain(register), words)
        typical = any(r.low <= abs(value) <= r.high for r in ranges_of(register.quantity))
        yield f"{value:.6g}{'*' if typical else ' '}".rjust(15)


def _changed(profile: Profile, orders: tuple[Order, Order], shift: int) -> Profile | None:
    """The profile, read otherwise; None where a register would lie outside of all addresses."""
    low, high = min(map(profile.wire_address, profile.register)), max(map(profile.wire_address, profile.register))
    if low + shift < 0 or high + shift > 65535:
        return None
    moved = tuple(msgspec.structs.replace(_plain(r), address=r.address + shift) for r in profile.register)
    return msgspec.structs.replace(_with(profile, orders), register=moved)


def _with(profile: Profile, orders: tuple[Order, Order]) -> Profile:
    return msgspec.structs.replace(profile, byte_order=orders[0], word_order=orders[1])


def _plain(register: Register) -> Register:
    return msgspec.structs.replace(register, byte_order=None, word_order=None)
