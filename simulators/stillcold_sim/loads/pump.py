"""A water pump: a motor that moves cooling water round, and make-up water for what the tower loses.

A furnace cannot melt without it, so that pump and make-up water tell of a furnace whose own meter is bypassed. Pumps of
5 to 30 kW that start before the furnace and run on for hours, and 1 to 3 % of make-up water, are common knowledge.
"""

from typing import Annotated

import msgspec
from msgspec import Meta
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, lagging
from stillcold_sim.loads.motor import starting
from stillcold_sim.loads.steady import Positive, PowerFactor, Share


class Pump(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="pump"):
    """A pump.

    Attributes
    ----------
    power : float
        W of its motor.
    flow : float
        m³/h that it moves.
    make_up : float
        Share of the flow that comes from the water main.
    run_on : float
        s that it runs on when it is switched off, to cool what it cooled.
    power_factor : float
        Of the fundamental.
    inrush, inrush_time : float
        Starting current over full-load current; s that the start takes.
    noise : float
        Standard deviation of power and water, share.
    """

    power: Positive = 15e3
    flow: Positive = 60.0
    make_up: Share = 0.02
    run_on: Annotated[float, Meta(ge=0)] = 0.0
    power_factor: PowerFactor = 0.86
    inrush: Positive = 6.5
    inrush_time: Positive = 2.0
    noise: Share = 0.01

    def begin(self, rng: Generator) -> "PumpRun":
        """The load at work."""
        return PumpRun(self, rng)


class PumpRun:
    """A pump at work."""

    def __init__(self, load: Pump, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._since: float | None = None
        self._wanted = float("-inf")  # when somebody last wanted it to run

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        load, noise = self._load, 1 + self._load.noise * self._rng.standard_normal()
        if running:
            self._wanted = moment.t
        if not running and moment.t - self._wanted >= load.run_on:
            self._since = None
            return Demand()
        if self._since is None:
            self._since = moment.t
            return starting(load.power, load.power_factor, load.inrush, "pump_starts")
        if moment.t - self._since < load.inrush_time:
            return starting(load.power, load.power_factor, load.inrush)
        power = load.power * noise
        return Demand(
            active_power=power,
            reactive_power=lagging(power, load.power_factor),
            current_thd=2.0,
            sag=0.002,
            water=load.flow * load.make_up * noise,
        )
