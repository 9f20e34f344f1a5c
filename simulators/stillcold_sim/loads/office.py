"""Light and machines of an office or a small workshop, by the time of day."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, Three, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share

Hour = Annotated[float, Meta(ge=0, le=24)]
_EDGE = 3600.0  # s over which people come and go


class Office(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="office"):
    """A load with a working day.

    Attributes
    ----------
    base, peak : float
        W at night and at noon.
    opens, closes : float
        Hours of the day.
    power_factor : float
        Of the fundamental.
    noise : float
        Standard deviation of the power, share of it: lifts, kettles, printers.
    current_thd : float
        %; switched-mode supplies and LED lamps.
    """

    base: Positive = 2e3
    peak: Positive = 25e3
    opens: Hour = 8.0
    closes: Hour = 18.0
    power_factor: PowerFactor = 0.93
    noise: Share = 0.05
    current_thd: Percent = 12.0

    def begin(self, rng: Generator) -> "OfficeRun":
        """The load at work."""
        return OfficeRun(self, rng)

    def presence(self, time_of_day: float) -> float:
        """Share of the people that are there, 0 to 1."""
        came = (time_of_day - self.opens * 3600) / _EDGE
        left = (self.closes * 3600 - time_of_day) / _EDGE
        return (1 + math.tanh(4 * min(came, left))) / 2


class OfficeRun:
    """An office at work, its lamps spread unevenly over the phases."""

    def __init__(self, load: Office, rng: Generator) -> None:
        self._load, self._rng = load, rng
        a, b, c = rng.uniform(0.8, 1.2, 3).tolist()
        self._shares: Three = (a / (a + b + c), b / (a + b + c), c / (a + b + c))

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        noise = self._rng.standard_normal()
        if not running:
            return Demand()
        load = self._load
        usual = load.base + (load.peak - load.base) * load.presence(moment.time_of_day)
        power = usual * max(0.0, 1 + load.noise * noise)
        return Demand(
            active_power=power,
            reactive_power=lagging(power, load.power_factor),
            shares=self._shares,
            current_thd=load.current_thd,
            harmonics={5: 0.6 * load.current_thd, 7: 0.4 * load.current_thd},
        )
