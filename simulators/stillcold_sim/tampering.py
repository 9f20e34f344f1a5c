"""What evasions make of what a meter measures."""

from collections.abc import Mapping, Sequence
from functools import cache

from stillcold_core.profiles import Profile, Ratios
from stillcold_core.quantities import LINE_PAIRS, PHASES
from stillcold_sim.loads.demand import Three, between, vector_sum
from stillcold_sim.scenario.evasion import CtBypass, CtReversed, Evasion, PhaseDropped

Values = dict[str, float]


def measured(values: Mapping[str, float], evasions: Sequence[Evasion]) -> Values:
    """What reaches the meter past its transformers and voltage leads.

    Parameters
    ----------
    values : mapping of str to float
        What is true.
    evasions : sequence of Evasion
        Those at work.
    """
    current, voltage = _factors(evasions)
    if current == voltage == (1.0, 1.0, 1.0):
        return dict(values)
    power: Three = (current[0] * voltage[0], current[1] * voltage[1], current[2] * voltage[2])
    seen = dict(values)
    for i, phase in enumerate(PHASES):
        _scale(seen, f"current_{phase}", abs(current[i]))
        _scale(seen, f"voltage_{phase}", voltage[i])
        _scale(seen, f"active_power_{phase}", power[i])
    _scale_totals(seen, values, power)
    _between_phases(seen, current)
    return seen


def _factors(evasions: Sequence[Evasion]) -> tuple[Three, Three]:
    """By which currents and voltages of the three phases come through."""
    current, voltage = [1.0] * 3, [1.0] * 3
    for evasion in evasions:
        if isinstance(evasion, CtBypass | CtReversed | PhaseDropped):
            through = 1 - evasion.share if isinstance(evasion, CtBypass) else -1.0
            for i in (PHASES.index(p) for p in evasion.phases):
                if isinstance(evasion, PhaseDropped):
                    voltage[i] = 0.0
                else:
                    current[i] *= through
    return (current[0], current[1], current[2]), (voltage[0], voltage[1], voltage[2])


def _scale(values: Values, quantity: str, factor: float) -> None:
    if quantity in values:
        values[quantity] *= factor


def _scale_totals(seen: Values, true: Mapping[str, float], power: Three) -> None:
    """Totals follow from the phases; where only the total is known, the phases count alike."""
    phases = [f"active_power_{p}" for p in PHASES]
    if all(p in seen for p in phases):
        seen["active_power"] = sum(seen[p] for p in phases)
    else:
        _scale(seen, "active_power", sum(power) / 3)
    weights = [true.get(f"current_{p}", 1.0) for p in PHASES]
    total = sum(weights)
    _scale(seen, "reactive_power", sum(w * f for w, f in zip(weights, power, strict=True)) / total if total else 1.0)
    if "apparent_power" in seen:
        seen["apparent_power"] = float((seen["active_power"] ** 2 + seen["reactive_power"] ** 2) ** 0.5)
    if "power_factor" in seen and seen.get("apparent_power"):
        seen["power_factor"] = seen["active_power"] / seen["apparent_power"]


def _between_phases(seen: Values, current: Three) -> None:
    for i, pair in enumerate(LINE_PAIRS):
        if f"voltage_{pair}" in seen and f"voltage_{PHASES[i]}" in seen:
            seen[f"voltage_{pair}"] = between(seen[f"voltage_{PHASES[i]}"], seen[f"voltage_{PHASES[(i + 1) % 3]}"])
    if "current_n" in seen and current != (1.0, 1.0, 1.0):
        a, b, c = (seen[f"current_{p}"] * (-1 if f < 0 else 1) for p, f in zip(PHASES, current, strict=True))
        seen["current_n"] = vector_sum((a, b, c))


@cache
def _transformers(quantity: str) -> frozenset[str]:
    """Transformers whose ratio is in a quantity of the primary side."""
    if quantity.startswith("current_") and not quantity.startswith(("current_thd", "current_h")):
        return frozenset({"ct"})
    if quantity.startswith("voltage_") and not quantity.startswith("voltage_thd"):
        return frozenset({"pt"})
    whole = quantity.startswith(("active_", "reactive_", "apparent_"))
    return frozenset({"ct", "pt"}) if whole else frozenset()


def ratio_factor(profile: Profile, quantity: str, installed: Ratios, programmed: Ratios) -> float:
    """By which a value is wrong that a meter with ``programmed`` ratios shows.

    What it shows of the secondary side stays right: the reader multiplies that by the ratios of what is installed.
    """
    register = profile.by_quantity.get(quantity)
    if register is None:
        return 1.0
    own = _transformers(quantity) - set((register.ratio or "").split("*"))
    factor = 1.0
    if "ct" in own:
        factor *= programmed.ct / installed.ct
    if "pt" in own:
        factor *= programmed.pt / installed.pt
    return factor
