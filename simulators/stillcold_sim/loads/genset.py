"""A diesel set that feeds one line: a frequency and a voltage of its own.

Such a set droops with its load by 3 to 5 %, dips when load comes at once, and wanders by ±0.2 to 1 Hz, not as the grid
does and not as any other site does at the same second. How fast governor and voltage regulator settle is common
knowledge.
"""

import math

from numpy.random import Generator

_GOVERNOR, _REGULATOR, _WANDER = 2.0, 0.8, 5.0  # s


class Genset:
    """A set at work. Steps come in order.

    Parameters
    ----------
    power : float
        W that it can give.
    droop : float
        Share by which the frequency falls from no load to full load.
    wander : float
        Hz, standard deviation.
    rng : Generator
        Of its wandering.
    """

    def __init__(self, power: float, droop: float, wander: float, rng: Generator) -> None:
        self._power, self._droop, self._wander, self._rng = power, droop, wander, rng
        self._drift = float(rng.standard_normal())
        self._share = 0.0
        self._dip = 0.0  # of the load that came at once, what the governor has not caught up with
        self._brownout = 0.0

    def step(self, step: float, power: float) -> tuple[float, float]:
        """Go on by ``step`` s with a load of ``power`` W.

        Returns
        -------
        tuple of float
            Hz, and voltage over nominal.
        """
        keep = math.exp(-step / _WANDER)
        self._drift = keep * self._drift + math.sqrt(1 - keep * keep) * self._rng.standard_normal()
        came, self._share = power / self._power - self._share, power / self._power
        self._dip = self._dip * math.exp(-step / _GOVERNOR) + came
        self._brownout = self._brownout * math.exp(-step / _REGULATOR) + came
        sag = self._droop * (self._share - 0.5) + 0.06 * self._dip
        frequency = 50.0 * (1 - sag) + self._wander * self._drift
        return min(60.0, max(40.0, frequency)), min(1.2, max(0.7, 1 - 0.15 * self._brownout))
