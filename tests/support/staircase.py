"""Loads as staircases of power over time, and what a meter shows of several: exact means at any cadence."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stillcold_core.samples import Samples

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
EPOCH = 1.7e9 - 1.7e9 % (7 * DAY)
Array = NDArray[np.float64]
Rng = np.random.Generator


@dataclass
class Staircase:
    """One load.

    Attributes
    ----------
    times, levels : list of float
        s from which on it takes so many W.
    noise, constant : float
        Standard deviation of what swings faster, share of the power, and its time constant in s.
    power_factor : float
        Of the fundamental, lagging.
    """

    times: list[float] = field(default_factory=lambda: [0.0])
    levels: list[float] = field(default_factory=lambda: [0.0])
    noise: float = 0.0
    constant: float = 2.0
    power_factor: float = 0.9

    def go(self, time: float, level: float) -> None:
        """From ``time`` on, ``level``."""
        self.times.append(max(time, self.times[-1]))
        self.levels.append(level)

    def means(self, edges: Array, rng: Rng) -> Array:
        """Mean power between the edges."""
        times, levels = np.array(self.times), np.array(self.levels)
        energy = np.concatenate([[0.0], np.cumsum(np.diff(times) * levels[:-1])])
        at = np.searchsorted(times, edges, "right") - 1
        step = np.diff(edges)
        means = np.diff(energy[at] + (edges - times[at]) * levels[at]) / step
        share = self.noise * np.minimum(1.0, np.sqrt(2 * self.constant / step))
        taken: Array = np.maximum(0.0, means * (1 + share * rng.standard_normal(len(means))))
        return taken


@dataclass(frozen=True)
class PowerFeeder:
    """A feeder.

    Attributes
    ----------
    name : str
        Of its kind.
    seed : int
        Its number.
    days : float
        How long it is watched.
    loads : list of Staircase
        Honest ones.
    furnace : Staircase, optional
        Hidden one.
    heats : list of pairs
        s at which each of its heats began and was tapped.
    power : float
        W of the furnace.
    """

    name: str
    seed: int
    days: float
    loads: list[Staircase]
    furnace: Staircase | None = None
    heats: tuple[tuple[float, float], ...] = ()
    power: float = 0.0

    def means(self, step: float) -> tuple[Array, Array, Array]:
        """Time at the end of each interval, mean W and var."""
        rng = np.random.default_rng([self.seed, 77])
        edges = np.arange(0.0, self.days * DAY + 1, step)
        total, reactive = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
        for load in [*self.loads, *([self.furnace] if self.furnace else [])]:
            taken = load.means(edges, rng)
            total += taken
            reactive += taken * np.tan(np.arccos(load.power_factor))
        return edges[1:], total, reactive

    def others(self) -> float:
        """W, 99th percentile of what the honest loads take in a quarter of an hour."""
        honest = PowerFeeder(self.name, self.seed, self.days, self.loads)
        return float(np.percentile(honest.means(900.0)[1], 99))

    def samples(self, step: float, show: str = "power", unit: float = 100.0) -> Samples:
        """What the meter shows: ``power``, ``register`` (in steps of ``unit`` Wh), ``both`` or ``reactive``."""
        times, power, reactive = self.means(step)
        register = np.floor(np.cumsum(power * step / HOUR) / unit) * unit
        columns = {
            "power": {"active_power": power},
            "register": {"active_energy_import": register},
            "both": {"active_power": power, "active_energy_import": register},
            "reactive": {"active_power": power, "reactive_power": reactive},
        }[show]
        return Samples("p", EPOCH + times, columns, np.zeros(len(times)))
