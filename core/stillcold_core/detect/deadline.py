"""The dead-line rule: what one sample of a sealed line may show, used at the edge and by the restart detector."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from stillcold_core.quantities import LINE_PAIRS, PHASES
from stillcold_core.readings import Sample

VOLTAGES = tuple(f"voltage_{p}" for p in PHASES)
LINE_VOLTAGES = tuple(f"voltage_{p}" for p in LINE_PAIRS)
CURRENTS = tuple(f"current_{p}" for p in PHASES)
POWERS = tuple(f"active_power_{p}" for p in PHASES)
CONTACTS = {"seal_closed": 0.0, "door_closed": 0.0, "breaker_closed": 1.0}
"""What a contact of a sealed line must not show."""
ON_DELAY = 5.0
"""s that power, current or voltage must stay above its limit."""
OFF_DELAY = 60.0
"""s without it after which the line counts as dead again."""
ARM_VOLTAGE = 86400.0
"""s without voltage after which a point that had voltage at first counts as cut off after all."""
CONTACT_DELAY = 10.0
"""s that a contact must stay changed."""
FLOW_DELAY = 30.0
"""s that water must flow."""


@dataclass(frozen=True, slots=True)
class DeadLineLimits:
    """Limits of a dead line, from its rating.

    Attributes
    ----------
    rated_power : float
        W
    nominal_voltage : float
        V, phase to neutral.
    power_cut : bool
        Whether the line was cut off from power, so that voltage alone proves that somebody undid it.
    water_cut : bool
        Whether the line was cut off from water, so that water alone proves it.

    Notes
    -----
    Shares of the rating are choices, not physics: a current transformer of class 0.5 may show 1 % of its primary as
    noise at worst (IEC 61869-2 bounds its error down to 5 % only), the smallest furnace of the field takes 350 kW.
    """

    rated_power: float
    nominal_voltage: float = 220.0
    power_cut: bool = True
    water_cut: bool = False
    floor: float = 0.01
    """Share of the rated power and current above which a line is live."""
    voltage_dead: float = 0.1
    """Share of the nominal voltage below which a conductor is dead."""
    voltage_live: float = 0.5
    """Share of the nominal voltage above which a conductor is live."""
    energy_allowance: float = 0.0002
    """Hours at rated power that may add up above what is tolerated, for switching and rounding."""
    standby: float = 0.001
    """Share of the rated power that is tolerated for any length of time: a cabinet heater, a supervising relay."""
    lighting: float = 1000.0
    """W that are tolerated likewise, whatever the rating: lamps for maintenance do not grow with the furnace."""
    water_leak: float = 0.1
    """m³/h that are tolerated for any length of time: a valve that drips."""
    water_allowance: float = 0.1
    """m³ that may add up above that."""
    water_flow: float = 0.3
    """m³/h above which water runs; below it ultrasonic meters show noise."""

    @property
    def power(self) -> float:
        """W above which a line is live."""
        return self.floor * self.rated_power

    @property
    def current(self) -> float:
        """A above which a phase is live."""
        return self.floor * self.rated_power / (3 * self.nominal_voltage)

    @property
    def energy(self) -> float:
        """Wh that may add up above the tolerated power."""
        return self.energy_allowance * self.rated_power

    @property
    def tolerated(self) -> float:
        """W that a dead line may take for any length of time; never above the floor."""
        return min(max(self.standby * self.rated_power, self.lighting), self.power)


def power_of(sample: Sample) -> float | None:
    """Largest of what a meter says of active power, W: total or sum of phases, the sign put aside.

    A reversed current transformer shows a melting furnace as export; a line is no less live for it.
    """
    phases, total = sample.numbers(*POWERS), sample.number("active_power")
    if not phases:
        return None if total is None else abs(total)
    in_all = sum(map(abs, phases))
    return in_all if total is None else max(in_all, abs(total))


def current_of(sample: Sample) -> float | None:
    """Largest phase current, A."""
    currents = sample.numbers(*CURRENTS)
    return max(map(abs, currents)) if currents else None


def voltage_of(sample: Sample) -> float | None:
    """Largest voltage, V phase to neutral; of a meter that shows only line voltages, those over √3."""
    volts, lines = sample.numbers(*VOLTAGES), sample.numbers(*LINE_VOLTAGES)
    if lines:
        volts.append(max(lines) / math.sqrt(3))
    return max(volts) if volts else None


class Seen(NamedTuple):
    """What one sample shows of a line, None where it does not show it: W, A, V phase to neutral, and Wh."""

    power: float | None
    current: float | None
    voltage: float | None
    energy: float | None


def seen(sample: Sample) -> Seen:
    """What a sample shows; see :func:`power_of`, :func:`current_of` and :func:`voltage_of`."""
    return Seen(power_of(sample), current_of(sample), voltage_of(sample), sample.number("active_energy_import"))


def energised(shown: Seen, limits: DeadLineLimits, energy_before: float | None = None) -> str | None:
    """Why a sample shows that a sealed line is not dead.

    Parameters
    ----------
    shown : Seen
        One moment of the line.
    limits : DeadLineLimits
        Of the line.
    energy_before : float, optional
        Wh; the energy register as last read, before any gap.

    Returns
    -------
    "power", "current", "voltage", "energy" or None
        None where nothing shows life, which is no proof of death: values may be missing.

    Examples
    --------
    >>> limits = DeadLineLimits(rated_power=750e3)
    >>> energised(seen(Sample("p", 0.0, {"active_power": 90e3})), limits)
    'power'
    """
    if (shown.power or 0) > limits.power:
        return "power"
    if (shown.current or 0) > limits.current:
        return "current"
    if limits.power_cut and (shown.voltage or 0) > limits.voltage_live * limits.nominal_voltage:
        return "voltage"
    if shown.energy is not None and energy_before is not None and shown.energy - energy_before > limits.energy:
        return "energy"
    return None
