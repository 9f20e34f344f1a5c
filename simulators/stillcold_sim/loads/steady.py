"""A load that is on or off: lighting, a rectifier, a heater."""

from typing import Annotated

import msgspec
from msgspec import Meta
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, lagging

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
PowerFactor = Annotated[float, Meta(gt=0, le=1)]
Percent = Annotated[float, Meta(ge=0)]


class Steady(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="steady"):
    """A constant load.

    Attributes
    ----------
    power : float
        W
    power_factor : float
        Of the fundamental.
    noise : float
        Standard deviation of the power, share of it.
    current_thd, h5, h7, h11, h13 : float
        % of the fundamental.
    """

    power: Positive
    power_factor: PowerFactor = 0.98
    noise: Share = 0.005
    current_thd: Percent = 3.0
    h5: Percent = 2.0
    h7: Percent = 1.5
    h11: Percent = 0.5
    h13: Percent = 0.5

    def begin(self, rng: Generator) -> "SteadyRun":
        """The load at work."""
        return SteadyRun(self, rng)


class SteadyRun:
    """A constant load at work."""

    def __init__(self, load: Steady, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._harmonics = {5: load.h5, 7: load.h7, 11: load.h11, 13: load.h13}

    def step(self, _moment: Moment, running: bool) -> Demand:
        """Its demand."""
        noise = self._rng.standard_normal()
        if not running:
            return Demand()
        load = self._load
        power = load.power * max(0.0, 1 + load.noise * noise)
        return Demand(
            active_power=power,
            reactive_power=lagging(power, load.power_factor),
            current_thd=load.current_thd,
            harmonics=self._harmonics,
        )
