"""Chargers of electric vehicles: steps as cars come and go, each with a taper towards the end.

Constant power up to about 80 % of the battery and an exponential fall after that are common knowledge of DC charging.
"""

import math
from typing import Annotated

import msgspec
from msgspec import Meta
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor

_GONE = 0.05  # share of the power at which a car is full


class Charger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="charger"):
    """A row of charging posts.

    Attributes
    ----------
    power : float
        W of a post.
    posts : int
        How many.
    cars_per_hour : float
        That come to the row, on average, while a post is free.
    full_time : float
        s at full power, on average.
    taper : float
        s by which the power then falls to 1/e.
    power_factor : float
        Of the fundamental.
    current_thd : float
        %
    """

    power: Positive = 60e3
    posts: Annotated[int, Meta(ge=1, le=50)] = 4
    cars_per_hour: Positive = 3.0
    full_time: Positive = 1500.0
    taper: Positive = 500.0
    power_factor: PowerFactor = 0.99
    current_thd: Percent = 6.0

    def begin(self, rng: Generator) -> "ChargerRun":
        """The load at work."""
        return ChargerRun(self, rng)


class ChargerRun:
    """Charging posts at work."""

    def __init__(self, load: Charger, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._tapers: list[float] = []  # when that of each car begins

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        load, t = self._load, moment.t
        comes = self._rng.random() < -math.expm1(-load.cars_per_hour * moment.step / 3600)
        if not running:
            self._tapers = []
            return Demand()
        gone = load.taper * -math.log(_GONE)
        self._tapers = [full for full in self._tapers if t < full + gone]
        event = self._park(t) if comes and len(self._tapers) < load.posts else ""
        power = load.power * sum(math.exp(-max(0.0, t - full) / load.taper) for full in self._tapers)
        return Demand(
            active_power=power,
            reactive_power=lagging(power, load.power_factor),
            current_thd=load.current_thd if power else 0.0,
            harmonics={5: 0.7 * load.current_thd, 7: 0.5 * load.current_thd} if power else {},
            event=event,
        )

    def _park(self, t: float) -> str:
        self._tapers.append(t + self._load.full_time * self._rng.uniform(0.4, 1.6))
        return "car_comes"
