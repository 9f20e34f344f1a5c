"""A line-frequency coreless induction furnace (工频炉): one coil between two conductors, balanced and corrected.

The coil alone takes its power at a power factor of 0.1 to 0.25. Capacitors beside it, switched in steps, correct that;
a reactor and a capacitor on the two other pairs of conductors (Steinmetz's circuit) make three equal currents of the
one, exactly at one power only, so that the negative sequence wanders with the charge. Sizes are 0.5 to 12 t, 550 kWh/t
and up. That power is raised by the taps of its transformer is common knowledge.
"""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from numpy.random import Generator

from stillcold_sim.loads.delta import Phases, delta
from stillcold_sim.loads.demand import Demand, Moment
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share

_WANDER = 240.0  # s over which a charge shifts and melts down


class LineFurnace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="line_furnace"):
    """A line-frequency furnace and how it is run.

    Attributes
    ----------
    power : float
        W at the highest tap of its transformer.
    taps : int
        Steps by which the power is raised.
    tap_time : float
        s at each lower tap.
    heat_hours : float
        Energy of a heat over the full power, h.
    pour_min, pour_max : float
        s between heats, without power.
    factor_cold, factor_hot : float
        Natural power factor of the coil with a cold charge and with a melt.
    capacitor : float
        var of a step.
    deadband : float
        Steps by which the reactive power may be off before the regulator switches one.
    wander : float
        Standard deviation of the coil's power as the charge moves, share of it.
    current_thd, h5, h7 : float
        % of the fundamental; there is no converter, only the capacitors that gather the grid's own.
    sag : float
        Share of the voltage lost at full power.
    """

    power: Positive = 600e3
    taps: Annotated[int, Meta(ge=1, le=20)] = 5
    tap_time: Annotated[float, Meta(ge=0)] = 600.0
    heat_hours: Positive = 2.2
    pour_min: Positive = 600.0
    pour_max: Positive = 1500.0
    factor_cold: PowerFactor = 0.24
    factor_hot: PowerFactor = 0.13
    capacitor: Positive = 100e3
    deadband: Positive = 0.7
    wander: Share = 0.08
    current_thd: Percent = 4.5
    h5: Percent = 3.5
    h7: Percent = 2.2
    sag: Share = 0.012

    def begin(self, rng: Generator) -> "LineFurnaceRun":
        """The load at work."""
        return LineFurnaceRun(self, rng)


class LineFurnaceRun:
    """A line-frequency furnace at work: off, melting or pouring."""

    def __init__(self, furnace: LineFurnace, rng: Generator) -> None:
        self._furnace, self._rng = furnace, rng
        self._phase: Literal["off", "melt", "pour"] = "off"
        self._since = self._energy = self._pour = self._drift = 0.0
        self._steps = 0
        self._first = int(rng.integers(3))

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        event = self._turn(moment.t, running)
        self._drift += (moment.step / _WANDER) ** 0.5 * self._rng.standard_normal()
        self._drift *= math.exp(-moment.step / _WANDER / 2)
        if self._phase != "melt":
            self._steps = 0
            return Demand(event=event)
        nominal = self._furnace.power * self._tap(moment.t - self._since)
        power = nominal * max(0.5, 1 + self._furnace.wander * self._drift)
        self._energy += power * moment.step / 3600
        return self._demand(nominal, power, event)

    def _turn(self, t: float, running: bool) -> str:
        if not running:
            was, self._phase = self._phase, "off"
            return "" if was == "off" else "furnace_off"
        if self._phase == "melt" and self._energy >= self._full:
            self._phase, self._since = "pour", t
            self._pour = self._rng.uniform(self._furnace.pour_min, self._furnace.pour_max)
            return "tap_begins"
        if self._phase == "off" or (self._phase == "pour" and t - self._since >= self._pour):
            self._phase, self._since, self._energy = "melt", t, 0.0
            return "melt_begins"
        return ""

    @property
    def _full(self) -> float:
        return self._furnace.power * self._furnace.heat_hours

    def _tap(self, age: float) -> float:
        """Share of the full power at the transformer's tap."""
        furnace = self._furnace
        passed = int(age / furnace.tap_time) if furnace.tap_time else furnace.taps
        return min(furnace.taps, passed + 1) / furnace.taps

    def _demand(self, nominal: float, power: float, event: str) -> Demand:
        f = self._furnace
        molten = min(1.0, self._energy / self._full)
        natural = f.factor_cold + (f.factor_hot - f.factor_cold) * molten
        coil = power * math.tan(math.acos(natural))
        self._switch(coil)
        phases = steinmetz(complex(power, coil - self._steps * f.capacitor), nominal, self._first)
        return Demand(
            *phases,
            current_thd=f.current_thd,
            voltage_thd=0.5 * nominal / f.power,
            harmonics={5: f.h5, 7: f.h7},
            sag=f.sag * power / f.power,
            event=event,
        )

    def _switch(self, coil: float) -> None:
        """One step a time, as a regulator does; all that are needed at once when power comes."""
        missing = coil / self._furnace.capacitor - self._steps
        if self._steps == 0:
            self._steps = round(missing)
        elif abs(missing) > self._furnace.deadband:
            self._steps += 1 if missing > 0 else -1


def steinmetz(coil: complex, balanced_at: float, first: int = 0) -> Phases:
    """What the phases carry of a coil between 1 and 2, with its balancing reactor and capacitor.

    Parameters
    ----------
    coil : complex
        W + j var of the coil with its own capacitors.
    balanced_at : float
        W of a coil, corrected to power factor 1, whose three currents would be equal.
    first : int
        Phase that 1 is, counted from 0.

    Examples
    --------
    >>> [round(s, 3) for s in steinmetz(300 + 0j, 300).shares]
    [0.333, 0.333, 0.333]
    """
    aid = 1j * balanced_at / math.sqrt(3)
    # Where the phases follow as 1, 2, 3, the capacitor goes between 2 and 3 and the reactor between 3 and 1.
    return delta((coil, -aid, aid), first)
