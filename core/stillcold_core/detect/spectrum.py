"""What a sample tells of the loads behind a meter, by whatever it shows: power, distortion, unbalance."""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from stillcold_core.quantities import HARMONIC_ORDERS, LINE_PAIRS, PHASES
from stillcold_core.readings import Sample, Value

_POWERS: Final = tuple(f"active_power_{p}" for p in PHASES)
_CURRENTS: Final = tuple(f"current_{p}" for p in PHASES)
_VOLTAGES: Final = tuple(f"voltage_{p}" for p in PHASES)
_BETWEEN: Final = tuple(f"voltage_{p}" for p in LINE_PAIRS)
_CURRENT_THD: Final = tuple(f"current_thd_{p}" for p in PHASES)
_HARMONICS: Final = tuple(tuple(f"current_h{n}_{p}" for p in PHASES) for n in HARMONIC_ORDERS)
_TOTALS: Final = ("active_power", "reactive_power", "apparent_power", "power_factor", "active_energy_import")
_SINGLE: Final = tuple(name for names in _HARMONICS for name in names)
USED: Final = frozenset((*_TOTALS, *_POWERS, *_CURRENTS, *_VOLTAGES, *_BETWEEN, *_CURRENT_THD, *_SINGLE))
"""Quantities that anything here is told by, and the energy register."""
_USUAL_FACTOR = 0.95  # power factor of the fundamental where a meter shows none
_CLASS_ERROR = 0.012  # by which U·I of meters of class 0.5 may exceed √(P² + Q²) without any distortion


class Seen(NamedTuple):
    """What one sample tells.

    Attributes
    ----------
    power : float
        W; the sign is put aside, as a transformer turned round changes nothing of what a load takes.
    distortion : float, optional
        VA of all harmonics, √3·U₁·I_h.
    reactive : float, optional
        var
    unbalance : float, optional
        W by which the phases' powers deviate from their mean, at most; VA where there are U and I alone.
    measured : bool
        Whether the meter itself tells of the distortion. What U·I exceeds √(P² + Q²) by shows none below the meter's
        class.
    """

    power: float
    distortion: float | None
    reactive: float | None
    unbalance: float | None
    measured: bool = False


def seen(sample: Sample) -> Seen | None:
    """What a sample tells; None where it shows no power.

    Examples
    --------
    >>> seen(Sample("p", 0.0, {"active_power": 80e3, "reactive_power": 60e3, "current_thd_l1": 30.0}))
    Seen(power=80000.0, distortion=30000.0, reactive=60000.0, unbalance=None, measured=True)
    """
    values = sample.values
    phases = _all(values, _POWERS)
    power = _number(values, "active_power")
    if power is None:
        if phases is None:
            return None
        power = sum(phases)
    power = abs(power)
    reactive = _reactive(values, power)
    products = _volt_amperes(values)
    phases = phases or products
    unbalance = None if phases is None else max(abs(p - sum(phases) / 3) for p in phases)
    fundamental = power / _USUAL_FACTOR if reactive is None else math.hypot(power, reactive)
    measured = _measured(values, fundamental, None if products is None else sum(products))
    if measured is not None:
        return Seen(power, measured, reactive, unbalance, measured=True)
    exceeding = None if reactive is None or products is None else _exceeding(sum(products), fundamental)
    return Seen(power, exceeding, reactive, unbalance)


def _measured(values: Mapping[str, Value], fundamental: float, product: float | None) -> float | None:
    """VA of the harmonics: from THD-I, or from single harmonics.

    They are shares of the fundamental current of this moment. The power may be a mean of the time before it, so that
    U·I tells the fundamental better, where it is shown.
    """
    share = _mean(values, _CURRENT_THD)
    if share is None:
        harmonics = [h for names in _HARMONICS if (h := _mean(values, names)) is not None]
        share = math.hypot(*harmonics) if harmonics else None
    if share is None or share < 0:  # a negative one says nothing
        return None
    if product is not None:
        fundamental = product / math.hypot(1, share / 100)
    return fundamental * share / 100


def _exceeding(product: float, fundamental: float) -> float:
    """VA of the harmonics: what U·I exceeds √(P² + Q²) by."""
    return math.sqrt(product**2 - fundamental**2) if product > (1 + _CLASS_ERROR) * fundamental else 0.0


def _volt_amperes(values: Mapping[str, Value]) -> list[float] | None:
    """U·I of each phase, VA; from the mean line voltage where there are no others."""
    currents = _all(values, _CURRENTS)
    if currents is None:
        return None
    voltages = _all(values, _VOLTAGES)
    if voltages is None:
        between = _mean(values, _BETWEEN)
        if between is None:
            return None
        voltages = [between / math.sqrt(3)] * 3
    return [u * abs(i) for u, i in zip(voltages, currents, strict=True)]


def _reactive(values: Mapping[str, Value], power: float) -> float | None:
    reactive = _number(values, "reactive_power")
    if reactive is not None:
        return reactive
    apparent = _number(values, "apparent_power")
    if apparent is not None:
        return math.sqrt(max(0.0, apparent**2 - power**2))
    factor = abs(_number(values, "power_factor") or 0.0)
    return power * math.sqrt(1 - factor**2) / factor if 0.02 < factor <= 1 else None


def _number(values: Mapping[str, Value], name: str) -> float | None:
    value = values.get(name)
    return None if value is None or isinstance(value, str) or not math.isfinite(value) else value


def _all(values: Mapping[str, Value], names: tuple[str, ...]) -> list[float] | None:
    if names[0] not in values:
        return None
    found = [n for name in names if (n := _number(values, name)) is not None]
    return found if len(found) == len(names) else None


def _mean(values: Mapping[str, Value], names: tuple[str, ...]) -> float | None:
    found = [n for name in names if (n := _number(values, name)) is not None]
    return sum(found) / len(found) if found else None
