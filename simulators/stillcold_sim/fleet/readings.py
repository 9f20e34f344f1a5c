"""What the points of a fleet read: a line that is dead, runs, or starts to run; whole batches at once."""

import numpy as np
import numpy.typing as npt

from stillcold_core.contract.batch import CAUSES, Block, Column, to_mantissas
from stillcold_core.profiles import Profile, encoder
from stillcold_core.readings import Absence
from stillcold_sim.fleet.model import FleetFile

Floats = npt.NDArray[np.float64]
LINE_POWER = 750e3
"""W; a 1 t medium-frequency furnace."""
_VOLTAGE = 220.0  # V, phase to neutral
_POWER_FACTOR = 0.9
_CT_NOISE = 0.3  # A that current transformers show on a dead line
_CYCLE = 5400.0  # s from heat to heat
_MELTING = 4200.0  # s of it at full power
_THD = 27.0  # % of a six-pulse furnace's current


class PointReadings:
    """One point's readings, batch after batch.

    Parameters
    ----------
    fleet : FleetFile
        Of which it is a part.
    profile : Profile
        Of its meter.
    index, point : int
        Of the gateway and of its point, counted from 0.
    start : float
        UTC of the first reading, s since 1970-01-01.

    Attributes
    ----------
    runs_from : float
        s from the start at which its line begins to run; infinite where it stays dead.
    """

    def __init__(self, fleet: FleetFile, profile: Profile, index: int, point: int, start: float) -> None:
        self._fleet, self._profile, self._start = fleet, profile, start
        self._name = fleet.point_id(index, point)
        self._rng = np.random.default_rng([fleet.seed, index, point])
        self._phase, self._energy = float(self._rng.uniform(0, _CYCLE)), float(self._rng.integers(10**6, 10**9))
        self._kept = {r.quantity: encoder(profile, r) for r in profile.register if r.raw}
        self.runs_from = runs_from(fleet, index, point)

    def block(self, sequence: int) -> Block:
        """What was read in the period of batch ``sequence``, counted from 1."""
        rate = self._fleet.rate
        offset = (sequence - 1) * rate.batch + np.arange(
            round(rate.batch / rate.interval), dtype=np.float64
        ) * rate.interval
        milliseconds = np.rint((self._start + offset) * 1000).astype(np.int64)
        values = self._values(offset)
        columns = {name: _column(values.get(name), len(offset), e) for name, e in self._profile.exponents.items()}
        monotonic = milliseconds - round(self._start * 1000)
        return Block(self._name, self._profile.model, milliseconds, monotonic, columns, self._raw(values))

    def _values(self, offset: Floats) -> dict[str, Floats]:
        running = offset >= self.runs_from
        melting = running & ((offset + self._phase) % _CYCLE < _MELTING)
        power = LINE_POWER * melting * (0.95 + 0.01 * self._rng.standard_normal(len(offset)))
        energy = self._energy + np.cumsum(power) * self._fleet.rate.interval / 3600
        self._energy = float(energy[-1])
        volts = _VOLTAGE * (1 + 0.0007 * self._rng.standard_normal((3, len(offset))))
        noise = _CT_NOISE * np.abs(self._rng.standard_normal((3, len(offset))))
        values = _three_phase(power, volts, noise)
        values["frequency"] = 50 + 0.01 * self._rng.standard_normal(len(offset))
        values["active_energy_import"] = energy
        values["active_energy_export"] = np.zeros(len(offset))
        return values

    def _raw(self, values: dict[str, Floats]) -> dict[str, npt.NDArray[np.uint16]]:
        """The register words where the profile keeps them."""
        kept = {q: words for q, words in self._kept.items() if q in values}
        return {q: np.array([words(v) for v in values[q].tolist()], np.uint16) for q, words in kept.items()}


def is_live(fleet: FleetFile, index: int, point: int) -> bool:
    """Whether a line is permitted, and runs from the beginning."""
    return _drawn(fleet, index, point)[0] < fleet.live


def runs_from(fleet: FleetFile, index: int, point: int) -> float:
    """s from the start at which a line begins to run; infinite where it stays dead."""
    live, restarts, when = _drawn(fleet, index, point)
    if live < fleet.live:
        return 0.0
    return when * fleet.duration if restarts < fleet.restarts else float("inf")


def _drawn(fleet: FleetFile, index: int, point: int) -> tuple[float, float, float]:
    a, b, c = np.random.default_rng([fleet.seed, index, point, 1]).random(3).tolist()
    return a, b, c


def _three_phase(power: Floats, volts: Floats, noise: Floats) -> dict[str, Floats]:
    current = np.hypot(power / 3 / (volts * _POWER_FACTOR), noise)
    on = power > 0
    apparent = np.where(on, power / _POWER_FACTOR, 0.0)
    values = {
        "active_power": power,
        "apparent_power": apparent,
        "reactive_power": np.sqrt(apparent**2 - power**2),
        "power_factor": np.where(on, _POWER_FACTOR, 0.0),
        "current_n": noise[0],
    }
    for n, (phase, pair) in enumerate(zip(("l1", "l2", "l3"), ("l12", "l23", "l31"), strict=True)):
        values[f"voltage_{phase}"] = volts[n]
        values[f"voltage_{pair}"] = volts[n] * np.sqrt(3.0)
        values[f"current_{phase}"] = current[n]
        values[f"active_power_{phase}"] = power / 3
        values[f"current_thd_{phase}"] = np.where(on, _THD, 0.0)
        values[f"voltage_thd_{phase}"] = np.where(on, 4.0, 1.6)
    return values


def _column(values: Floats | None, samples: int, exponent: int) -> Column:
    """A column; ``not_supported`` throughout for what a fleet's lines do not have."""
    if values is None:
        absent = np.full(samples, 1 + CAUSES.index(Absence.NOT_SUPPORTED), np.uint8)
        return Column(exponent, np.empty(0, np.int64), absent)
    return Column(exponent, to_mantissas(values, exponent), np.zeros(samples, np.uint8))
