"""The public grid: one frequency for everybody, and a voltage that breathes."""

import math

import numpy as np

_PERIODS = (7.3, 23.0, 61.0, 419.0, 1807.0)  # s; no common multiple within days


class Grid:
    """The grid that all meters of a scenario hang on; a function of the seed and of time only.

    Parameters
    ----------
    seed : int
        Of the scenario.
    frequency : float
        Hz, nominal.

    Notes
    -----
    Deviations of about ±0.03 Hz are the everyday of a large interconnected grid; GB/T 15945 allows ±0.2 Hz.
    """

    def __init__(self, seed: int, frequency: float = 50.0) -> None:
        rng = np.random.default_rng([seed, 50])
        self._nominal = frequency
        self._phases = rng.uniform(0, 2 * math.pi, (2, len(_PERIODS))).tolist()

    def frequency(self, t: float) -> float:
        """Hz at ``t``, the same for every site."""
        return self._nominal + 0.008 * self._wave(0, t)

    def level(self, t: float) -> float:
        """Voltage over nominal at ``t``: within about ±2 %."""
        return 1 + 0.006 * self._wave(1, t)

    def _wave(self, which: int, t: float) -> float:
        phases = self._phases[which]
        return sum(math.sin(2 * math.pi * t / p + f) for p, f in zip(_PERIODS, phases, strict=True))
