"""Induction heating for forging: the converter of a medium-frequency furnace, at work without a pause.

Billets go through the coil one after the other, so that the power stays where it is for hours; each one pushed in moves
it a little. Harmonics are a 6-pulse rectifier's, as a furnace's are: of the legal loads the hardest to tell from one.
"""

import msgspec
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share


class Forge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="forge"):
    """A forging heater.

    Attributes
    ----------
    power : float
        W at work.
    warm_up : float
        s from switching on to full power.
    beat : float
        s from billet to billet.
    dip : float
        Share of the power that is missing while a billet is pushed in, a tenth of the beat.
    power_factor : float
        Of the fundamental.
    noise : float
        Standard deviation of the power, share of it.
    current_thd, h5, h7, h11, h13 : float
        % of the fundamental.
    voltage_thd : float
        % that it adds to the busbar.
    sag : float
        Share of the voltage lost at full power.
    """

    power: Positive = 400e3
    warm_up: Positive = 60.0
    beat: Positive = 40.0
    dip: Share = 0.06
    power_factor: PowerFactor = 0.93
    noise: Share = 0.01
    current_thd: Percent = 26.0
    h5: Percent = 19.0
    h7: Percent = 13.0
    h11: Percent = 8.0
    h13: Percent = 7.0
    voltage_thd: Percent = 8.0
    sag: Share = 0.01

    def begin(self, rng: Generator) -> "ForgeRun":
        """The load at work."""
        return ForgeRun(self, rng)


class ForgeRun:
    """A forging heater at work."""

    def __init__(self, load: Forge, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._since: float | None = None
        self._harmonics = {5: load.h5, 7: load.h7, 11: load.h11, 13: load.h13}

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        noise = self._rng.standard_normal()
        if not running:
            self._since = None
            return Demand()
        event = ""
        if self._since is None:
            self._since, event = moment.t, "heater_on"
        load, age = self._load, moment.t - self._since
        share = min(1.0, (age + moment.step) / load.warm_up) * (1 + load.noise * noise)
        if age % load.beat < load.beat / 10:
            share *= 1 - load.dip
        power = load.power * max(0.0, share)
        return Demand(
            active_power=power,
            reactive_power=lagging(power, load.power_factor),
            current_thd=load.current_thd,
            voltage_thd=load.voltage_thd * share,
            harmonics=self._harmonics,
            distortion=0.04,
            sag=load.sag * share,
            event=event,
        )
