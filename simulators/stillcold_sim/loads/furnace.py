"""A medium-frequency induction furnace (中频炉), heat after heat.

The defaults are those of a real melting furnace of 450 kW, measured once a minute for two weeks: melts of 93 ± 10 min
and 575 ± 34 kWh, power factor 0.971, THD-I 27.1 %, U·I 5 % above √(P² + Q²), THD-V 10.4 % against 1.6 % when off. Taps
of 5 to 15 min and the 6-pulse harmonics are common knowledge of such furnaces.
"""

from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.random import Generator

from stillcold_core.quantities import HARMONIC_ORDERS
from stillcold_sim.loads.demand import Demand, Moment, Three, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share

# Power factor of the SCR-fed furnace above by share of the full power, as a share of its best.
_SCR_POWER = (0.0, 0.09, 0.20, 0.36, 0.55, 0.78, 1.0)
_SCR_FACTOR = (0.2, 0.27, 0.57, 0.74, 0.94, 1.0, 1.0)


# % of the fundamental that a rectifier of so many pulses draws on the plateau, and adds to the voltage. 12 and 24
# pulses leave a rest of the fifth and seventh; THD-V goes with the sum of (order x current)².
_RECTIFIER = {
    6: {"current_thd": 27.1, "h5": 19.5, "h7": 13.7, "h11": 8.8, "h13": 7.8, "voltage_thd": 9.0},
    12: {"current_thd": 12.5, "h5": 2.0, "h7": 1.5, "h11": 9.0, "h13": 7.0, "voltage_thd": 6.0},
    24: {"current_thd": 6.0, "h5": 1.5, "h7": 1.0, "h11": 1.5, "h13": 1.0, "voltage_thd": 4.2},
}
_SWITCHOVER = (5.0, 20.0)  # s until a supply with two crucibles has gone over to the other
_SINTER_FROM, _SINTER_STEPS = 0.1, 24


class Furnace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="furnace"):
    """A furnace and how it is run.

    Attributes
    ----------
    power : float
        W on the plateau.
    ramp : float
        s from the start of a heat to the plateau.
    ramp_from : float
        Share of the power that a heat begins with.
    ramp_steps : int
        Steps by which the melter turns it up.
    heat_hours : float
        Energy of a heat over the plateau's power, h; the heat ends when it is in.
    heat_spread : float
        Standard deviation of the energy of a heat, share of it.
    tap_min, tap_max : float
        s between heats, without power.
    noise : float
        Standard deviation of the plateau, share of it.
    inverter : "scr" or "diode"
        A current-fed (SCR) inverter's power factor falls at reduced power, a diode-fed one's does not.
    power_factor : float
        Of the fundamental, on the plateau.
    pulses : 6, 12 or 24
        Of its rectifier; gives the next six where they are not said.
    current_thd, h5, h7, h11, h13 : float, optional
        % of the fundamental, on the plateau.
    voltage_thd : float, optional
        % that the plateau adds to the bus.
    distortion : float
        U·I / √(P² + Q²) - 1.
    imbalance : float
        Largest deviation of a phase's current from the mean, share of it.
    sag : float
        Share of the voltage lost on the plateau.
    crucibles : 1 or 2
        Two on one supply leave no tap to see: as one is full, the supply goes over to the other.
    sinter_hours : float
        h over which the first heat after a relining goes up; 0 where the lining is in use.
    """

    power: Positive = 450e3
    ramp: Annotated[float, Meta(ge=0)] = 2400.0
    ramp_from: Share = 0.24
    ramp_steps: Annotated[int, Meta(ge=1)] = 8
    heat_hours: Positive = 1.278
    heat_spread: Annotated[float, Meta(ge=0, le=0.3)] = 0.06
    tap_min: Positive = 300.0
    tap_max: Positive = 900.0
    noise: Share = 0.005
    inverter: Literal["scr", "diode"] = "scr"
    power_factor: PowerFactor = 0.971
    pulses: Literal[6, 12, 24] = 6
    current_thd: Percent | None = None
    h5: Percent | None = None
    h7: Percent | None = None
    h11: Percent | None = None
    h13: Percent | None = None
    voltage_thd: Percent | None = None
    distortion: Share = 0.05
    imbalance: Annotated[float, Meta(ge=0, le=0.2)] = 0.006
    sag: Share = 0.012
    crucibles: Literal[1, 2] = 1
    sinter_hours: Annotated[float, Meta(ge=0, le=100)] = 0.0

    def rectifier(self) -> dict[str, float]:
        """%, by the name of the attribute."""
        said = {name: getattr(self, name) for name in _RECTIFIER[self.pulses]}
        return _RECTIFIER[self.pulses] | {name: value for name, value in said.items() if value is not None}

    def begin(self, rng: Generator) -> "FurnaceRun":
        """The load at work."""
        return FurnaceRun(self, rng)


class FurnaceRun:
    """A furnace at work: off, melting or tapping."""

    def __init__(self, furnace: Furnace, rng: Generator) -> None:
        self._furnace, self._rng = furnace, rng
        self._phase: Literal["off", "melt", "tap"] = "off"
        self._since = 0.0
        self._energy = 0.0
        self._target = 0.0
        self._tap = 0.0
        self._shares = _shares(furnace.imbalance, int(rng.integers(3)))
        self._rectifier = furnace.rectifier()
        self._harmonics = {order: self._rectifier[f"h{order}"] for order in HARMONIC_ORDERS}
        self._sinter = furnace.sinter_hours * 3600
        self._sintering = 0.0  # s that this heat goes up slowly

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        event = self._turn(moment.t, running)
        noise = self._rng.standard_normal()
        if self._phase != "melt":
            return Demand(event=event)
        share = self._share(moment.t - self._since)
        power = self._furnace.power * share * (1 + self._furnace.noise * noise)
        if moment.t - self._since >= self._sintering:
            self._energy += power * moment.step / 3600
        return self._demand(power, share, event)

    def _turn(self, t: float, running: bool) -> str:
        """Go on to the next phase where it is time; its name, or nothing."""
        if not running:
            was, self._phase = self._phase, "off"
            return "" if was == "off" else "furnace_off"
        if self._phase == "melt" and self._energy >= self._target:
            self._phase, self._since = "tap", t
            low, high = _SWITCHOVER if self._furnace.crucibles == 2 else (self._furnace.tap_min, self._furnace.tap_max)
            self._tap = self._rng.uniform(low, high)
            return "tap_begins"
        if self._phase == "off" or (self._phase == "tap" and t - self._since >= self._tap):
            return self._melt(t)
        return ""

    def _melt(self, t: float) -> str:
        furnace = self._furnace
        spread = 1 + furnace.heat_spread * float(np.clip(self._rng.standard_normal(), -2.5, 2.5))
        self._phase, self._since, self._energy = "melt", t, 0.0
        self._target = furnace.power * furnace.heat_hours * spread
        self._sintering, self._sinter = self._sinter, 0.0
        return "sinter_begins" if self._sintering else "melt_begins"

    def _share(self, age: float) -> float:
        furnace = self._furnace
        if age < self._sintering:
            return _SINTER_FROM + (1 - _SINTER_FROM) * int(age / self._sintering * _SINTER_STEPS) / _SINTER_STEPS
        if self._sintering or age >= furnace.ramp:
            return 1.0
        done = int(age / furnace.ramp * furnace.ramp_steps) / furnace.ramp_steps
        return furnace.ramp_from + (1 - furnace.ramp_from) * done

    def _demand(self, power: float, share: float, event: str) -> Demand:
        f = self._furnace
        factor = f.power_factor
        if f.inverter == "scr":
            factor *= float(np.interp(share, _SCR_POWER, _SCR_FACTOR))
        loading = share * f.power_factor / factor
        return Demand(
            active_power=power,
            reactive_power=lagging(power, factor),
            shares=self._shares,
            # Measured: THD-I rises by a tenth at low power, and a third of the added THD-V comes with the first ampere.
            current_thd=self._rectifier["current_thd"] * (1.11 - 0.11 * share),
            voltage_thd=self._rectifier["voltage_thd"] * (1 + 2 * loading) / 3,
            harmonics=self._harmonics,
            distortion=f.distortion,
            sag=f.sag * loading,
            event=event,
        )


def _shares(imbalance: float, first: int) -> Three:
    """Phase shares of which one deviates by ``imbalance`` from the mean, one a little the other way."""
    off = [imbalance, -0.7 * imbalance, -0.3 * imbalance]
    a, b, c = ((1 + off[(i + first) % 3]) / 3 for i in range(3))
    return a, b, c
