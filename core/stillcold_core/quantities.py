"""The vocabulary: every quantity that Stillcold reads, with its SI unit and its plausible bounds.

Profiles, wire, store, CSV, API, console and Influx fields all use these names and no others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

PHASES = ("l1", "l2", "l3")
LINE_PAIRS = ("l12", "l23", "l31")
HARMONIC_ORDERS = (5, 7, 11, 13)


class Kind(StrEnum):
    """How the values of a quantity behave over time."""

    GAUGE = "gauge"
    """Goes up and down."""
    REGISTER = "register"
    """Only counts up, and rolls over at the modulus of its register."""
    CONTACT = "contact"
    """0 (open) or 1 (closed)."""
    IDENTITY = "identity"
    """Changes only when somebody changes the meter or its settings."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity of the vocabulary.

    Attributes
    ----------
    name : str
        The name used everywhere, e.g. ``"active_power"``.
    unit : str
        SI unit of every value under this name; ``"1"`` for a plain number.
    low, high : float
        Bounds outside which a decoded value is not believed and becomes ``out_of_range``. They are wide enough for
        the 110 kV incomer of a steel works seen from the primary side, and narrow enough to refuse a swapped word.
    kind : Kind
        How it behaves over time.
    """

    name: str
    unit: str
    low: float
    high: float
    kind: Kind = Kind.GAUGE

    def plausible(self, value: float) -> bool:
        """Whether ``value`` lies in the bounds; NaN does not.

        Examples
        --------
        >>> QUANTITIES["frequency"].plausible(50.0), QUANTITIES["frequency"].plausible(float("nan"))
        (True, False)
        """
        return self.low <= value <= self.high


def _quantities() -> Iterator[Quantity]:
    yield from (Quantity(f"voltage_{p}", "V", 0, 150e3) for p in (*PHASES, *LINE_PAIRS))
    yield from (Quantity(f"current_{p}", "A", -100e3, 100e3) for p in (*PHASES, "n"))
    yield from (Quantity(f"active_power{p}", "W", -1e9, 1e9) for p in ("", *(f"_{p}" for p in PHASES)))
    yield Quantity("reactive_power", "var", -1e9, 1e9)
    yield Quantity("apparent_power", "VA", -1e9, 1e9)
    yield Quantity("power_factor", "1", -1, 1)
    yield Quantity("frequency", "Hz", 0, 100)
    yield Quantity("active_energy_import", "Wh", 0, 1e15, Kind.REGISTER)
    yield Quantity("active_energy_export", "Wh", 0, 1e15, Kind.REGISTER)
    yield from (Quantity(f"current_thd_{p}", "%", 0, 1000) for p in PHASES)
    yield from (Quantity(f"voltage_thd_{p}", "%", 0, 1000) for p in PHASES)
    yield from (Quantity(f"current_h{n}_{p}", "%", 0, 1000) for n in HARMONIC_ORDERS for p in PHASES)
    yield Quantity("water_volume", "m³", 0, 1e9, Kind.REGISTER)
    yield Quantity("water_flow", "m³/h", -1e5, 1e5)
    yield from (Quantity(n, "1", 0, 1, Kind.CONTACT) for n in ("seal_closed", "door_closed", "breaker_closed"))
    yield Quantity("meter_serial", "1", 0, 1e15, Kind.IDENTITY)
    yield Quantity("ct_ratio", "1", 0, 1e5, Kind.IDENTITY)
    yield Quantity("pt_ratio", "1", 0, 1e5, Kind.IDENTITY)


QUANTITIES: dict[str, Quantity] = {q.name: q for q in _quantities()}
