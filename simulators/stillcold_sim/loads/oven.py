"""A resistance furnace for heat treatment: power factor 1, one long cold ramp, then a thermostat.

It is a body of one temperature that loses heat to the room; size and insulation follow from how long it takes to heat
up cold and how much of the power keeps it hot.
"""

import math
from typing import Annotated

import msgspec
from msgspec import Meta
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment
from stillcold_sim.loads.steady import Percent, Positive, Share

_ROOM = 25.0  # °C


class Oven(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="oven"):
    """A resistance furnace.

    Attributes
    ----------
    power : float
        W when its heaters are on.
    cold_ramp : float
        s at full power from the room's temperature to the set one.
    duty : float
        Share of the power that holds the set temperature.
    temperature : float
        °C to hold.
    hysteresis : float
        K between switching on and off.
    noise : float
        Standard deviation of the power, share of it.
    current_thd : float
        %
    """

    power: Positive = 200e3
    cold_ramp: Positive = 5400.0
    duty: Annotated[float, Meta(gt=0, lt=1)] = 0.4
    temperature: Annotated[float, Meta(ge=100, le=2000)] = 850.0
    hysteresis: Positive = 6.0
    noise: Share = 0.003
    current_thd: Percent = 1.5

    def begin(self, rng: Generator) -> "OvenRun":
        """The load at work."""
        return OvenRun(self, rng)


class OvenRun:
    """A resistance furnace at work."""

    def __init__(self, load: Oven, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._degrees = _ROOM
        self._heating = False
        self._time_constant = load.cold_ramp / -math.log(1 - load.duty)

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        noise = self._rng.standard_normal()
        load, was = self._load, self._heating
        self._heating = running and self._wanted()
        self._warm(moment.step)
        event = "heating_begins" if self._heating and not was else ""
        power = load.power * (1 + load.noise * noise) if self._heating else 0.0
        return Demand(power, current_thd=load.current_thd if self._heating else 0.0, event=event)

    def _wanted(self) -> bool:
        half = self._load.hysteresis / 2
        missing = self._load.temperature - self._degrees
        return missing > (-half if self._heating else half)

    def _warm(self, step: float) -> None:
        load = self._load
        towards = _ROOM + ((load.temperature - _ROOM) / load.duty if self._heating else 0.0)
        self._degrees += (towards - self._degrees) * -math.expm1(-step / self._time_constant)
