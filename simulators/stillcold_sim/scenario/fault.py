"""What goes wrong between a meter and who reads it."""

from typing import Annotated, Literal

from msgspec import Meta

from stillcold_core.registry import Id
from stillcold_sim.scenario.times import Seconds, Window, seconds

Unit = Annotated[int, Meta(ge=1, le=247)]
Address = Annotated[int, Meta(ge=0, le=65535)]
What = Literal[
    "silence",
    "exception",
    "delay",
    "split",
    "truncated",
    "extra",
    "garbage",
    "wrong_unit",
    "wrong_transaction",
    "bad_crc",
    "collision",
    "stuck",
    "shifted",
    "swapped",
    "nan",
    "reboot",
    "refused",
    "half_open",
    "drop",
]
ON_TCP = frozenset({"refused", "half_open", "drop"})
"""Need a connection."""
ON_REGISTERS = frozenset({"stuck", "shifted", "swapped", "nan"})
"""Change what registers show, and leave the frame sound."""


class Fault(Window, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that goes wrong between a meter and who reads it.

    Attributes
    ----------
    meter, port : str, optional
        What it happens to; one of the two. On a port it happens to each of its meters.
    what : str
        The kind; ``docs/scenarios.md`` says what each looks like on the wire.
    functions : tuple of int
        Function codes of the requests that it happens to; empty for all.
    registers : tuple of int, optional
        First and last zero-based wire address; it happens to requests that touch them. None for all.
    share : float
        Of the requests that it happens to, by chance.
    code : int
        Of the exception.
    delay_ms : float
        ms of real time by which answers come late.
    gap_ms : float
        ms of real time between the bytes of a split answer.
    bytes : int
        How many are missing from a truncated answer, or follow after one with extra bytes.
    shift : int
        Registers by which they are shifted.
    fill : int, optional
        Word that every register shows instead of the "not available" of its type.
    after : int
        Requests on a connection after which it is dropped.
    boot : float or str
        s that a reboot takes.
    unit : int, optional
        Address of the meter after a reboot; None for the old one.
    """

    what: What
    meter: Id | None = None
    port: Id | None = None
    functions: tuple[Annotated[int, Meta(ge=1, le=127)], ...] = ()
    registers: tuple[Address, Address] | None = None
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    code: Annotated[int, Meta(ge=1, le=255)] = 4
    delay_ms: Annotated[float, Meta(ge=0, le=60000)] = 1000.0
    gap_ms: Annotated[float, Meta(gt=0, le=10000)] = 20.0
    bytes: Annotated[int, Meta(ge=1, le=250)] = 3
    shift: Annotated[int, Meta(ge=-1000, le=1000)] = 1
    fill: Address | None = None
    after: Annotated[int, Meta(ge=1)] = 10
    boot: Seconds = 5.0
    unit: Unit | None = None

    @property
    def booted(self) -> float:
        """When a reboot is over, s."""
        return self.begin + seconds(self.boot)

    def meets(self, function: int, address: int, count: int) -> bool:
        """Whether a request is among those that it happens to."""
        if self.functions and function not in self.functions:
            return False
        return self.registers is None or (address <= self.registers[1] and self.registers[0] < address + max(1, count))

    def holds(self, address: int) -> bool:
        """Whether a register is among those that it happens to."""
        return self.registers is None or self.registers[0] <= address <= self.registers[1]
