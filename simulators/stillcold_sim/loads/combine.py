"""What several loads take together.

Harmonics of unlike sources add up less than arithmetically: by the exponents of the summation law of IEC TR 61000-3-6,
1.4 for orders 5 to 10 and 2 above; 1.4 also for a THD, in which the fifth and seventh lead.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from stillcold_core.quantities import HARMONIC_ORDERS
from stillcold_sim.loads.demand import EVEN, Demand, Three

_THD_EXPONENT = 1.4


def combine(demands: Sequence[Demand]) -> Demand:
    """The demands on one conductor; each one's event is named, the first of them where there are several."""
    if len(demands) == 1:
        return demands[0]
    power, reactive = sum(d.active_power for d in demands), sum(d.reactive_power for d in demands)
    shares = _shares(demands, power)
    total = math.hypot(power, reactive)
    return Demand(
        active_power=power,
        reactive_power=reactive,
        shares=shares,
        reactive_shift=_shift(demands, reactive, shares),
        current_thd=_together(demands, [d.current_thd for d in demands], total, _THD_EXPONENT),
        voltage_thd=summed(d.voltage_thd for d in demands),
        harmonics=_harmonics(demands, total),
        distortion=_distortion(demands, total),
        sag=sum(d.sag for d in demands),
        water=sum(d.water for d in demands),
        event=next((d.event for d in demands if d.event), ""),
    )


def upstream(demands: Sequence[Demand], losses: float) -> Demand:
    """What a conductor carries that feeds these demands, ``losses`` of their power being lost on the way (share).

    The voltage that they pull down is that of their own busbar.
    """
    together = combine(demands)
    return replace(together, active_power=together.active_power * (1 + losses), sag=0.0, voltage_thd=0.0, event="")


def summed(distortions: Iterable[float]) -> float:
    """Voltage THD, %, that several sources add to one busbar."""
    return float(sum(d**_THD_EXPONENT for d in distortions) ** (1 / _THD_EXPONENT))


def _shares(demands: Sequence[Demand], power: float) -> Three:
    if not power:
        return EVEN
    a, b, c = (sum(d.active_power * d.shares[i] for d in demands) / power for i in range(3))
    return a, b, c


def _shift(demands: Sequence[Demand], reactive: float, shares: Three) -> Three:
    phases = [d.reactive for d in demands]
    a, b, c = (sum(q[i] for q in phases) - reactive * shares[i] for i in range(3))
    return a, b, c


def _harmonics(demands: Sequence[Demand], total: float) -> dict[int, float]:
    return {
        order: _together(demands, [d.harmonics.get(order, 0.0) for d in demands], total, 1.4 if order < 10 else 2.0)
        for order in HARMONIC_ORDERS
    }


def _together(demands: Sequence[Demand], percent: Sequence[float], total: float, exponent: float) -> float:
    """Percentages of each demand's current as one of all current."""
    if not total:
        return 0.0
    parts = (
        (p * math.hypot(d.active_power, d.reactive_power)) ** exponent for p, d in zip(percent, demands, strict=True)
    )
    return float(sum(parts) ** (1 / exponent) / total)


def _distortion(demands: Sequence[Demand], total: float) -> float:
    """Distortion powers √((U·I)² − P² − Q²) of unlike sources add up as squares."""
    if not total:
        return 0.0
    parts = ((d.active_power**2 + d.reactive_power**2) * ((1 + d.distortion) ** 2 - 1) for d in demands)
    return math.sqrt(1 + sum(parts) / total**2) - 1
