"""How a line at rest is recorded: how often, and how far each quantity may move before that is worth telling."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.quantities import LINE_PAIRS, PHASES, QUANTITIES, Kind

_NOISE = 0.5
"""Share of the dead-line floor. A transformer of class 0.5 shows up to the floor itself as noise (see
:class:`~stillcold_core.detect.deadline.DeadLineLimits`), usually a tenth of it; what is smaller and stays adds up in
the readings that are kept."""
_VOLTAGE = 0.05
"""Share of the nominal voltage. GB/T 12325 allows a grid ±7 %; on a dead line only voltage that goes or comes tells."""
_FREQUENCY = 0.1  # Hz; a large grid stays within 0.05 on common days, a diesel set does not
_WATER_REGISTER = 0.02  # m³; twice the coarsest common step


@dataclass(frozen=True, slots=True)
class Quiet:
    """How a line at rest is recorded.

    Attributes
    ----------
    interval : float
        s, most between two readings that are kept.
    deadbands : mapping of str to float
        By quantity, in its SI unit: a reading that differs by more from the last one that was kept is a change.
    """

    interval: float
    deadbands: Mapping[str, float]


def default_deadbands(quantities: Iterable[str], limits: DeadLineLimits) -> Mapping[str, float]:
    """Deadband of each quantity, in its SI unit, from the rating of its line.

    Parameters
    ----------
    quantities : iterable of str
        That are read.
    limits : DeadLineLimits
        By the line's rating; how it was cut off does not matter.

    Returns
    -------
    mapping of str to float
        Quantities that say nothing at rest are left out: power factor and distortion of a current that is noise.
    """
    bands = {q: _deadband(q, limits) for q in quantities}
    return {q: band for q, band in bands.items() if band is not None}


def _deadband(quantity: str, limits: DeadLineLimits) -> float | None:
    if QUANTITIES[quantity].kind in (Kind.CONTACT, Kind.IDENTITY):
        return 0.0
    shares = {
        **{f"voltage_{p}": _VOLTAGE * limits.nominal_voltage for p in PHASES},
        **{f"voltage_{p}": _VOLTAGE * 3**0.5 * limits.nominal_voltage for p in LINE_PAIRS},
        **{f"current_{p}": _NOISE * limits.current for p in (*PHASES, "n")},
        **{f"active_power{p}": _NOISE * limits.power for p in ("", *(f"_{p}" for p in PHASES))},
        "reactive_power": _NOISE * limits.power,
        "apparent_power": _NOISE * limits.power,
        "frequency": _FREQUENCY,
        "active_energy_import": limits.energy,
        "active_energy_export": limits.energy,
        "water_volume": _WATER_REGISTER,
        "water_flow": limits.water_flow / 3,
    }
    return shares.get(quantity)
