"""Which requests read a profile's registers with the fewest round trips."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from stillcold_core.profiles.model import Profile, Register


@dataclass(frozen=True, slots=True)
class Read:
    """One request: ``count`` registers (or bits) from a zero-based address, and what lies in them."""

    function: int
    address: int
    count: int
    registers: tuple[tuple[Register, int], ...]
    """Each register with its offset in the answer."""


def plan_reads(profile: Profile, registers: Iterable[Register] | None = None) -> tuple[Read, ...]:
    """Merge neighbouring registers into requests under the model's limits.

    Parameters
    ----------
    profile : Profile
        Gives the limits: ``max_registers`` a request, and gaps up to ``max_gap`` read over.
    registers : iterable of Register
        What to read; all of the profile's by default.

    Returns
    -------
    tuple of Read
        In order of function and address.

    Examples
    --------
    >>> from stillcold_core.profiles import load_profile
    >>> [(r.function, r.address, r.count) for r in plan_reads(load_profile("waveshare-8di"))]
    [(2, 0, 3)]
    """
    chosen = sorted(
        profile.register if registers is None else registers,
        key=lambda r: (profile.function_of(r), profile.wire_address(r)),
    )
    reads: list[Read] = []
    for function, same in groupby(chosen, key=profile.function_of):
        group: list[Register] = []
        for register in same:
            if group and not _fits(profile, group, register):
                reads.append(_read(profile, function, group))
                group = []
            group.append(register)
        reads.append(_read(profile, function, group))
    return tuple(reads)


def _end(profile: Profile, register: Register) -> int:
    return profile.wire_address(register) + register.words


def _fits(profile: Profile, group: list[Register], register: Register) -> bool:
    gap = profile.wire_address(register) - max(_end(profile, r) for r in group)
    count = _end(profile, register) - profile.wire_address(group[0])
    return gap <= profile.max_gap and count <= profile.max_registers


def _read(profile: Profile, function: int, group: list[Register]) -> Read:
    address = profile.wire_address(group[0])
    count = max(_end(profile, r) for r in group) - address
    return Read(function, address, count, tuple((r, profile.wire_address(r) - address) for r in group))
