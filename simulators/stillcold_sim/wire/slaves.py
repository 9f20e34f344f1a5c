"""Who answers a request, and what: before any byte is sent."""

import struct
from collections.abc import Mapping, Sequence
from typing import Protocol

from stillcold_sim.meter import Refused
from stillcold_sim.scenario import Fault
from stillcold_sim.wire.library import Request


class Slave(Protocol):
    """What answers for one unit."""

    def read(self, function: int, address: int, count: int) -> Sequence[int] | Refused:
        """Registers (or bits), or why not."""

    def troubles(self) -> Sequence[Fault]:
        """What is wrong with it now."""


def who(slaves: Mapping[int, Slave], unit: int) -> tuple[Slave, Sequence[Fault]] | None:
    """The slave that listens to a unit's number now, and what is wrong with it."""
    if slave := slaves.get(unit):
        troubles = slave.troubles()
        if _number(troubles, unit) == unit:
            return slave, troubles
    for own, other in slaves.items():
        troubles = other.troubles()
        if own != unit and _number(troubles, own) == unit:
            return other, troubles
    return None


def _number(troubles: Sequence[Fault], own: int) -> int:
    moved = [f.unit for f in troubles if f.what == "reboot" and f.unit is not None]
    return moved[-1] if moved else own


def reply(slave: Slave, request: Request) -> bytes:
    """Function code and what follows, as the slave answers."""
    if request.function not in (1, 2, 3, 4):
        return refusal(request, Refused.FUNCTION)
    place = request.place
    if place is None:
        return refusal(request, Refused.VALUE)
    found = slave.read(request.function, *place)
    if isinstance(found, Refused):
        return refusal(request, found)
    data = _bits(found) if request.function < 3 else struct.pack(f">{len(found)}H", *found)
    return bytes([request.function, len(data)]) + data


def refusal(request: Request, code: int) -> bytes:
    """A Modbus exception."""
    return bytes([request.function | 0x80, code])


def _bits(found: Sequence[int]) -> bytes:
    number = sum(1 << i for i, bit in enumerate(found) if bit)
    return number.to_bytes((len(found) + 7) // 8, "little")
