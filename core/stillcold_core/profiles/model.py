"""What a profile says, as types."""

import math
from functools import cache, cached_property
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stillcold_core.files import repeated
from stillcold_core.quantities import QUANTITIES

Type = Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "bit"]
Order = Literal["big", "little"]
Function = Literal[1, 2, 3, 4]

WORDS: dict[Type, int] = {
    "uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "uint64": 4, "int64": 4, "float32": 2, "float64": 4, "bit": 1,
}  # fmt: skip

UNITS = {
    "V": 1.0, "kV": 1e3, "A": 1.0, "mA": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6, "var": 1.0, "kvar": 1e3, "VA": 1.0,
    "kVA": 1e3, "1": 1.0, "Hz": 1.0, "Wh": 1.0, "kWh": 1e3, "MWh": 1e6, "%": 1.0, "m³": 1.0, "L": 1e-3, "m³/h": 1.0,
    "L/h": 1e-3,
}  # fmt: skip
"""Units that a meter may report in, as multiples of the vocabulary's."""


class Ratios(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Transformer ratios of one installed meter, for registers that show the secondary side."""

    ct: Annotated[float, Meta(gt=0)] = 1.0
    pt: Annotated[float, Meta(gt=0)] = 1.0


class Serial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Serial settings that the maker ships the meter with."""

    baud_rate: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One quantity's place in the meter.

    Attributes
    ----------
    quantity : str
        Name in the vocabulary.
    address : int
        Number as the maker's document prints it; the profile's ``address_base`` is taken off on the wire.
    type : str
        Number format; ``bit`` for coils and discrete inputs.
    unit : str
        Unit that ``number * scale`` comes in; one of :data:`UNITS`.
    source : str
        Where the maker says so.
    scale : float
        Unit per count.
    resolution : float
        Smallest step worth keeping of a float register, in ``unit``; integers keep ``scale``.
    sign : int
        -1 where the meter counts export as positive.
    ratio : "ct", "pt" or "ct*pt"
        Ratio that the value must be multiplied with, where the meter shows the secondary side.
    modulus : float
        Reading, in ``unit``, at which an energy or volume register starts again from 0; 0: where its type ends.
    function : int
        Function code, where it differs from the profile's.
    byte_order, word_order : "big" or "little"
        Where they differ from the profile's.
    transform : "four_quadrant"
        Schneider's power factor format: beyond ±1 it is folded to show leading from lagging.
    raw : bool
        Keep the register words beside the value as evidence.
    slow : bool
        Need not be read at every cycle.
    """

    quantity: str
    address: Annotated[int, Meta(ge=0, le=65536)]
    type: Type
    unit: str
    source: str
    scale: Annotated[float, Meta(gt=0)] = 1.0
    resolution: Annotated[float, Meta(ge=0)] = 0.0
    sign: Literal[1, -1] = 1
    ratio: Literal["ct", "pt", "ct*pt"] | None = None
    modulus: Annotated[float, Meta(ge=0)] = 0.0
    function: Function | None = None
    byte_order: Order | None = None
    word_order: Order | None = None
    transform: Literal["four_quadrant"] | None = None
    raw: bool = False
    slow: bool = False

    @property
    def words(self) -> int:
        """Registers (or bits) that it takes."""
        return WORDS[self.type]

    @property
    def step(self) -> float:
        """Smallest step of a decoded value, in the vocabulary's unit."""
        return (self.resolution or self.scale) * UNITS[self.unit]

    @property
    def exponent(self) -> int:
        """Power of ten on the wire that keeps :attr:`step` exactly, to 9 decimal places."""
        return _exponent(self.step)

    def factor(self, ratios: Ratios) -> float:
        """Vocabulary's unit per count, signed."""
        by = {None: 1.0, "ct": ratios.ct, "pt": ratios.pt, "ct*pt": ratios.ct * ratios.pt}[self.ratio]
        return self.sign * self.scale * UNITS[self.unit] * by


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One meter model.

    Attributes
    ----------
    model : str
        Name; also the file's.
    title : str
        What it is, for people.
    kind : "meter", "water" or "contacts"
        What it measures.
    source : str
        The maker's document.
    function : int
        Function code of its reads: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers.
    register : sequence of Register
        What it holds.
    address_base : 0 or 1
        What the document's register numbers begin at.
    byte_order, word_order : "big" or "little"
        Of bytes in a register, and of registers in a number.
    max_registers : int
        Most registers (or bits) that one request may ask for.
    max_gap : int
        Unused registers that a request may read over to save another.
    serial : Serial
        The maker's serial settings.
    version : str
        First 16 hex digits of the SHA-256 of the file; set by the loader.
    """

    model: str
    title: str
    kind: Literal["meter", "water", "contacts"]
    source: str
    function: Function
    register: tuple[Register, ...]
    address_base: Literal[0, 1] = 0
    byte_order: Order = "big"
    word_order: Order = "big"
    max_registers: Annotated[int, Meta(ge=1, le=2000)] = 125
    max_gap: Annotated[int, Meta(ge=0, le=125)] = 8
    serial: Serial = Serial()
    version: str = ""

    @cached_property
    def by_quantity(self) -> dict[str, Register]:
        """The registers by what they hold."""
        return {r.quantity: r for r in self.register}

    @cached_property
    def exponents(self) -> dict[str, int]:
        """Power of ten of each quantity on the wire."""
        return {r.quantity: r.exponent for r in self.register}

    def register_of(self, quantity: str) -> Register:
        """The register of a quantity.

        Raises
        ------
        KeyError
            When the model has none.
        """
        return self.by_quantity[quantity]

    def function_of(self, register: Register) -> int:
        """Function code that reads a register."""
        return register.function or self.function

    def wire_address(self, register: Register) -> int:
        """Zero-based address in the request."""
        return register.address - self.address_base

    def orders(self, register: Register) -> tuple[Order, Order]:
        """Byte and word order of a register."""
        return register.byte_order or self.byte_order, register.word_order or self.word_order

    def problems(self) -> list[tuple[list[str | int], str]]:
        """What is wrong between the fields: path and what would be right."""
        found = list(repeated("register", "quantity", (r.quantity for r in self.register)))
        for i, r in enumerate(self.register):
            at: list[str | int] = ["register", i]
            if r.quantity not in QUANTITIES:
                found.append(([*at, "quantity"], "expected a name of the vocabulary (stillcold_core.quantities)"))
            if r.unit not in UNITS:
                found.append(([*at, "unit"], f"expected one of {', '.join(UNITS)}"))
            if r.type.startswith("float") and not r.resolution:
                found.append(([*at, "resolution"], "missing; a float register needs the smallest step worth keeping"))
            if (r.type == "bit") != (self.function_of(r) in (1, 2)):
                found.append(([*at, "type"], "functions 1 and 2 read bits, 3 and 4 read registers"))
            if not self.address_base <= r.address <= 65536 - r.words + self.address_base:
                found.append(([*at, "address"], f"expected {self.address_base} to 65535"))
            if r.words > self.max_registers:
                found.append(([*at, "type"], f"does not fit a request of max_registers = {self.max_registers}"))
        return found


@cache  # every decoded value asks for it
def _exponent(step: float) -> int:
    return next((e for e in range(6, -9, -1) if _is_whole(step / 10.0**e)), -9)


def _is_whole(number: float) -> bool:
    return number >= 0.5 and math.isclose(number, round(number), rel_tol=1e-9)
