"""A motor that starts direct on line and works in cycles: a compressor, a pump, a crusher."""

import msgspec
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, lagging
from stillcold_sim.loads.steady import Positive, PowerFactor, Share


class Motor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="motor"):
    """A motor with two levels of load.

    Attributes
    ----------
    power : float
        W at full load.
    idle : float
        Power when unloaded, share of full.
    loaded, unloaded : float
        s of each part of the cycle.
    power_factor, idle_power_factor : float
        Loaded and unloaded.
    inrush : float
        Starting current over full-load current; 6 to 8 is usual for a start direct on line.
    inrush_time : float
        s that the start takes.
    noise : float
        Standard deviation of the power, share of it.
    """

    power: Positive = 55e3
    idle: Share = 0.3
    loaded: Positive = 120.0
    unloaded: Positive = 60.0
    power_factor: PowerFactor = 0.86
    idle_power_factor: PowerFactor = 0.45
    inrush: Positive = 6.5
    inrush_time: Positive = 3.0
    noise: Share = 0.01

    def begin(self, rng: Generator) -> "MotorRun":
        """The load at work."""
        return MotorRun(self, rng)


class MotorRun:
    """A motor at work."""

    def __init__(self, load: Motor, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._since: float | None = None

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        noise = 1 + self._load.noise * self._rng.standard_normal()
        if not running:
            self._since = None
            return Demand()
        if self._since is None:
            self._since = moment.t
            return starting(self._load.power, self._load.power_factor, self._load.inrush, "motor_starts")
        if moment.t - self._since < self._load.inrush_time:
            return starting(self._load.power, self._load.power_factor, self._load.inrush)
        return self._turning(moment.t - self._since, noise)

    def _turning(self, age: float, noise: float) -> Demand:
        load = self._load
        if age % (load.loaded + load.unloaded) < load.loaded:
            power = load.power * noise
            return Demand(power, lagging(power, load.power_factor), current_thd=2.0, sag=0.005)
        idle = load.power * load.idle * noise
        return Demand(idle, lagging(idle, load.idle_power_factor), current_thd=4.0, sag=0.002)


def starting(power: float, factor: float, inrush: float, event: str = "") -> Demand:
    """Demand of a motor of ``power`` W and power factor ``factor`` that starts with ``inrush`` times its current.

    A rotor at rest takes it at a power factor of 0.3 or so.
    """
    power *= inrush * 0.3 / factor
    return Demand(active_power=power, reactive_power=lagging(power, 0.3), sag=0.03, event=event)
