"""A motor behind a variable-frequency drive: a soft start, a speed by the process, a diode bridge's harmonics.

The percentages are those of a 6-pulse diode bridge with a choke; they grow as the load falls, while the current itself
shrinks. Power of a fan or pump goes with the cube of its speed.
"""

import math

import msgspec
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share

_PROCESS = 900.0  # s over which the process asks for another speed


class Vfd(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="vfd"):
    """A motor behind a drive.

    Attributes
    ----------
    power : float
        W at full speed.
    ramp : float
        s from rest to speed.
    speed : float
        Usual speed, share of full.
    wander : float
        Standard deviation of the speed, share of full.
    power_factor : float
        Of the fundamental; flat, as a diode bridge's is.
    current_thd, h5, h7, h11, h13 : float
        % of the fundamental at full load.
    """

    power: Positive = 45e3
    ramp: Positive = 20.0
    speed: Share = 0.85
    wander: Share = 0.06
    power_factor: PowerFactor = 0.97
    current_thd: Percent = 33.0
    h5: Percent = 28.0
    h7: Percent = 12.0
    h11: Percent = 7.0
    h13: Percent = 5.0

    def begin(self, rng: Generator) -> "VfdRun":
        """The load at work."""
        return VfdRun(self, rng)


class VfdRun:
    """A drive at work."""

    def __init__(self, load: Vfd, rng: Generator) -> None:
        self._load, self._rng = load, rng
        self._speed = self._drift = 0.0

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        keep = math.exp(-moment.step / _PROCESS)
        self._drift = keep * self._drift + math.sqrt(1 - keep * keep) * self._rng.standard_normal()
        wanted = min(1.0, max(0.3, self._load.speed + self._load.wander * self._drift)) if running else 0.0
        event = "motor_starts" if running and not self._speed else ""
        reach = moment.step / self._load.ramp
        # A drive lets the motor coast when it is switched off.
        self._speed = min(wanted, self._speed + reach) if running else 0.0
        return self._demand(event)

    def _demand(self, event: str) -> Demand:
        load, share = self._load, self._speed**3
        power = load.power * share
        more = 1 + 0.5 * (1 - share)  # of the fundamental, as the current falls
        return Demand(
            active_power=power,
            reactive_power=lagging(power, load.power_factor),
            current_thd=load.current_thd * more if power else 0.0,
            harmonics={5: load.h5 * more, 7: load.h7 * more, 11: load.h11 * more, 13: load.h13 * more} if power else {},
            distortion=math.sqrt(1 + (load.current_thd * more / 100) ** 2) - 1,
            event=event,
        )
