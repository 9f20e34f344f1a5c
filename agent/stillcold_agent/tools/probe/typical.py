"""What a quantity usually shows at a plant that has voltage, and how much it says that it does.

Narrower than the vocabulary's bounds, which must let through all that a meter can rightly show: here only the kind of
meter is asked for. The weights follow from how seldom a register of something else would show such a value: a range
of a few in a hundred in a 16-bit number or a float says much, one that nearly any number falls into says little.
"""

from dataclasses import dataclass

from stillcold_core.quantities import QUANTITIES, Kind


@dataclass(frozen=True, slots=True)
class Typical:
    """A range in the vocabulary's unit, and the weight of a value inside."""

    low: float
    high: float
    weight: float


_PHASE = (Typical(180, 260, 3), Typical(52, 66, 1))  # 220/230 V; 57.7 V behind voltage transformers of 100 V
_PAIR = (Typical(310, 450, 3), Typical(90, 115, 1))
_RANGES: dict[str, tuple[Typical, ...]] = {
    **{f"voltage_{p}": _PHASE for p in ("l1", "l2", "l3")},
    **{f"voltage_{p}": _PAIR for p in ("l12", "l23", "l31")},
    "frequency": (Typical(49, 51, 4),),
    "water_volume": (Typical(1e-3, 1e7, 2),),
    "water_flow": (Typical(1e-3, 1e4, 1),),
    "meter_serial": (Typical(1, 1e15, 0.5),),
    "ct_ratio": (Typical(1, 1e4, 0.5),),
    "pt_ratio": (Typical(1, 1e3, 0.5),),
    "power_factor": (Typical(0.01, 1, 1),),
}
_BY_UNIT = {
    "A": Typical(1e-3, 2e4, 0.5), "W": Typical(0.1, 5e7, 0.5), "var": Typical(0.1, 5e7, 0.5),
    "VA": Typical(0.1, 5e7, 0.5), "Wh": Typical(1, 1e12, 0.5), "%": Typical(0.01, 100, 0.5),
}  # fmt: skip
STRONG = 2.0
"""Weight from which a value is a sign of the meter's kind by itself."""


def ranges_of(quantity: str) -> tuple[Typical, ...]:
    """What it usually shows, apart from its sign; none of a contact, which shows 0 or 1 whatever it is."""
    if QUANTITIES[quantity].kind is Kind.CONTACT:
        return ()
    return _RANGES.get(quantity) or (_BY_UNIT[QUANTITIES[quantity].unit],)


def weight_of(quantity: str, value: float) -> float:
    """What a value says for the profile: above 0 inside a usual range, else 0.

    Examples
    --------
    >>> weight_of("frequency", 50.02), weight_of("frequency", 5.0)
    (4, 0)
    """
    return next((r.weight for r in ranges_of(quantity) if r.low <= abs(value) <= r.high), 0)
