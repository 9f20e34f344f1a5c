"""A rolling mill: spikes of seconds while a billet is between the rolls, little in between.

Passes of 2 to 8 s and converter drives with a 6-pulse rectifier's harmonics are common knowledge of such mills.
"""

import msgspec
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share


class Mill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="mill"):
    """A rolling mill.

    Attributes
    ----------
    power : float
        W of a usual pass.
    idle : float
        Power between passes, share of it.
    pass_min, pass_max : float
        s of a pass.
    gap_min, gap_max : float
        s from pass to pass.
    spread : float
        By which passes differ in power, standard deviation, share of it.
    power_factor : float
        Of the fundamental in a pass.
    current_thd, h5, h7, h11, h13 : float
        % of the fundamental.
    sag : float
        Share of the voltage lost in a pass.
    """

    power: Positive = 1.5e6
    idle: Share = 0.12
    pass_min: Positive = 2.0
    pass_max: Positive = 8.0
    gap_min: Positive = 2.0
    gap_max: Positive = 6.0
    spread: Share = 0.25
    power_factor: PowerFactor = 0.75
    current_thd: Percent = 22.0
    h5: Percent = 17.0
    h7: Percent = 10.0
    h11: Percent = 6.0
    h13: Percent = 5.0
    sag: Share = 0.02

    def begin(self, rng: Generator) -> "MillRun":
        """The load at work."""
        return MillRun(self, rng)


class MillRun:
    """A rolling mill at work."""

    def __init__(self, load: Mill, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._rolling, self._until, self._strength = False, 0.0, 1.0
        self._harmonics = {5: load.h5, 7: load.h7, 11: load.h11, 13: load.h13}

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        noise = self._rng.standard_normal()
        if not running:
            self._rolling, self._until = False, moment.t
            return Demand()
        if moment.t >= self._until:
            self._turn(moment.t)
        load = self._load
        share = self._strength if self._rolling else load.idle
        power = load.power * share * max(0.0, 1 + 0.05 * noise)
        factor = load.power_factor if self._rolling else 0.6 * load.power_factor
        return Demand(
            active_power=power,
            reactive_power=lagging(power, factor),
            current_thd=load.current_thd,
            voltage_thd=0.15 * load.current_thd * share,
            harmonics=self._harmonics,
            distortion=0.025,
            sag=load.sag * share,
        )

    def _turn(self, t: float) -> None:
        load = self._load
        self._rolling = not self._rolling
        low, high = (load.pass_min, load.pass_max) if self._rolling else (load.gap_min, load.gap_max)
        self._until = t + self._rng.uniform(low, high)
        self._strength = max(0.3, 1 + load.spread * self._rng.standard_normal())
