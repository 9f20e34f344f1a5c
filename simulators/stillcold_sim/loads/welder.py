"""Welding: bursts of less than 10 s between two conductors."""

import msgspec
from numpy.random import Generator

from stillcold_sim.loads.delta import delta
from stillcold_sim.loads.demand import Demand, Moment, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share


class Welder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="welder"):
    """A welding machine.

    Attributes
    ----------
    power : float
        W of a burst.
    burst_min, burst_max : float
        s of a burst.
    pause : float
        s between bursts, on average.
    power_factor : float
        Of the fundamental.
    idle : float
        W of the machine while it waits.
    current_thd : float
        % in a burst.
    sag : float
        Share of the voltage lost in a burst.
    """

    power: Positive = 18e3
    burst_min: Positive = 1.0
    burst_max: Positive = 8.0
    pause: Positive = 25.0
    power_factor: PowerFactor = 0.6
    idle: Positive = 150.0
    current_thd: Percent = 18.0
    sag: Share = 0.005

    def begin(self, rng: Generator) -> "WelderRun":
        """The load at work."""
        return WelderRun(self, rng)


class WelderRun:
    """A welding machine at work."""

    def __init__(self, load: Welder, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._first = int(rng.integers(3))
        self._welding, self._until = False, 0.0

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        if not running:
            self._welding, self._until = False, moment.t
            return Demand()
        if moment.t >= self._until:
            self._turn(moment.t)
        power = self._load.power if self._welding else self._load.idle
        return Demand(
            *delta((complex(power, lagging(power, self._load.power_factor)), 0j, 0j), self._first),
            current_thd=self._load.current_thd,
            harmonics={5: 0.4 * self._load.current_thd, 7: 0.25 * self._load.current_thd},
            sag=self._load.sag if self._welding else 0.0,
        )

    def _turn(self, t: float) -> None:
        load = self._load
        self._welding = not self._welding
        burst = self._rng.uniform(load.burst_min, load.burst_max)
        self._until = t + (burst if self._welding else self._rng.exponential(load.pause))
