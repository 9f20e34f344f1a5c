"""Sealed lines for judging the restart detector: meters of the field on a line that is dead, and what is done to it.

A line is drawn from its number alone: rating, transformers, display, register, voltage. Its transformers' noise is up
to 0.3 % of the rating, larger under voltage, drifting with the day's temperature; displays and registers have steps;
there are dips, outages, lost answers, single bad readings, and lamps that are switched on for a
working day.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.restart import SealedLine
from stillcold_core.samples import Floats, Samples

DAY = 86400.0
VIEWS: Mapping[str, tuple[str, ...]] = {
    "all": ("active_power", "current_l1", "current_l2", "current_l3", "voltage_l1", "active_energy_import"),
    "power, energy": ("active_power", "active_energy_import"),
    "power": ("active_power",),
    "currents": ("current_l1", "current_l2", "current_l3", "voltage_l1"),
    "energy": ("active_energy_import",),
}
"""What a meter shows, by the name of the view."""
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class DeadLine:
    """One line and its meter.

    Attributes
    ----------
    number : int
        From which all else follows.
    rated : float
        W
    noise : float
        Standard deviation of what a transformer shows of nothing, as a share of the rated current.
    current_step, power_step, energy_step : float
        Of the display, A and W, and of the register, Wh.
    drift : float
        Amplitude of the daily drift, as a share of the rated current.
    behind : bool
        Whether the meter lies behind the cut, without voltage.
    """

    number: int
    rated: float
    noise: float
    current_step: float
    power_step: float
    energy_step: float
    drift: float
    behind: bool

    @property
    def amperes(self) -> float:
        """Rated current."""
        return self.rated / 660.0

    @property
    def sealed(self) -> SealedLine:
        """As the detector needs it."""
        return SealedLine("s", "l", DeadLineLimits(self.rated, power_cut=self.behind, water_cut=True))


def dead_line(number: int) -> DeadLine:
    """The line of a number."""
    rng = np.random.default_rng([number, 1])
    rated = float(rng.choice([350e3, 500e3, 750e3, 1e6, 1.5e6, 3e6]))
    return DeadLine(
        number,
        rated,
        noise=float(rng.choice([0.0, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3])),
        current_step=float(rng.choice([1e-3, 0.01, 0.1, 1.0])) * rated / 750e3,
        power_step=float(rng.choice([1.0, 10.0, 100.0, 400.0])),
        energy_step=float(rng.choice([1.0, 10.0, 10.0, 100.0])),
        drift=float(rng.choice([0.0, 2e-4, 5e-4])),
        behind=bool(rng.random() < 0.5),
    )


@dataclass(frozen=True, slots=True)
class Load:
    """What is run on the line, in s of the recording.

    Attributes
    ----------
    begin, end : float
        s
    share : float
        Of the rated power.
    ramp : float
        s over which it rises from nothing.
    phases : int
        Three, or one for lamps.
    """

    begin: float
    end: float
    share: float
    ramp: float = 0.0
    phases: int = 3

    def at(self, t: Floats) -> Floats:
        """Share of the rated power that it takes."""
        rise = np.clip((t - self.begin) / self.ramp, 0.0, 1.0) if self.ramp else 1.0
        return np.where((t >= self.begin) & (t < self.end), self.share * rise, 0.0)

    def energy(self, t: Floats) -> Floats:
        """Hours at rated power that it has taken until then."""
        ran = np.clip(np.minimum(t, self.end) - self.begin, 0.0, None)
        rising = np.minimum(ran, self.ramp)
        ramped = rising**2 / (2 * self.ramp) if self.ramp else 0.0
        return self.share * (ramped + ran - rising) / 3600


def lamps(line: DeadLine, seconds: float) -> list[Load]:
    """Lamps of 100 to 900 W, on every tenth day for some hours."""
    rng = np.random.default_rng([line.number, 2])
    days = [d for d in range(int(seconds / DAY)) if rng.random() < 0.1]
    begins = [d * DAY + rng.uniform(7, 14) * 3600 for d in days]
    return [Load(b, b + rng.uniform(1, 9) * 3600, rng.uniform(100, 900) / line.rated, phases=1) for b in begins]


def recording(
    line: DeadLine, every: float, seconds: float, loads: list[Load], *, bad: bool = True, begin: float = 1.7e9
) -> Samples:
    """What the line's meter shows.

    Parameters
    ----------
    line : DeadLine
        Which.
    every, seconds : float
        s between readings, and for how long.
    loads : list of Load
        What runs.
    bad : bool
        Whether single readings are bad and answers are lost.
    begin : float
        UTC of the first reading.
    """
    rng = np.random.default_rng([line.number, 3, int(every)])
    t = np.arange(0.0, seconds, every) + rng.uniform(0, every) + rng.normal(0, 0.02, int(np.ceil(seconds / every)))
    volts = _volts(line, rng, t, loads)
    running = sum((load.at(t) for load in loads), np.zeros(len(t)))
    amps = [_amps(line, rng, t, volts, loads, phase) for phase in range(3)]
    watts = running * line.rated + line.noise * 0.3 * line.rated * np.where(volts > 22, 1.0, 0.0) * rng.normal(
        size=len(t)
    )
    taken = (
        sum((load.energy(t) for load in loads), np.zeros(len(t))) * line.rated
        + 1e4 * (line.number * 7919 % 541_000)
        + 1234.0 * line.energy_step
    )
    columns = {
        "active_power": _steps(watts, line.power_step),
        **{f"current_l{p + 1}": _steps(a, line.current_step) for p, a in enumerate(amps)},
        "voltage_l1": _steps(volts, 0.1),
        "active_energy_import": np.floor(taken / line.energy_step) * line.energy_step,
    }
    if bad:
        _spoil(rng, columns)
    return Samples("p", begin + t, columns, np.zeros(len(t)))


def view(samples: Samples, name: str) -> Samples:
    """What a meter shows that shows less."""
    return Samples(samples.point, samples.times, {q: samples.columns[q] for q in VIEWS[name]}, samples.monotonic)


def _volts(line: DeadLine, rng: Rng, t: Floats, loads: list[Load]) -> Floats:
    if line.behind:
        ran = np.any(
            [(t >= x.begin) & (t < x.end) & (x.phases == 3) for x in loads] or [np.zeros(len(t), bool)], axis=0
        )
        behind: Floats = np.where(ran, 222.0, 0.0) + rng.normal(0, 0.05, len(t)).clip(0)
        return behind
    volts: Floats = 226.0 + 4 * np.sin(2 * np.pi * t / DAY) + rng.normal(0, 0.3, len(t))
    volts[rng.random(len(t)) < 2e-4] *= rng.uniform(0.2, 0.9)
    for begin in np.flatnonzero(rng.random(int(t[-1] / DAY) + 1) < 0.03) * DAY:
        volts[(t > begin + 3600) & (t < begin + rng.uniform(4000, 20000))] = 0.0
    return volts


def _amps(line: DeadLine, rng: Rng, t: Floats, volts: Floats, loads: list[Load], phase: int) -> Floats:
    level = np.where(volts > 22, 1.0, 0.4)
    drift = line.drift * np.sin(2 * np.pi * (t / DAY + phase / 9)) ** 2
    noise = np.abs(line.noise * rng.normal(size=len(t))) * level
    carried: Floats = sum(
        (x.at(t) * (1.0 if x.phases == 3 else 3.0) for x in loads if x.phases == 3 or phase == 0), np.zeros(len(t))
    )
    shown: Floats = (np.hypot(carried, noise) + drift) * line.amperes
    return shown


def _steps(values: Floats, step: float) -> Floats:
    return np.round(values / step) * step


def _spoil(rng: Rng, columns: dict[str, Floats]) -> None:
    count = len(columns["voltage_l1"])
    lost = rng.random(count) < 1e-3
    for column in columns.values():
        column[lost] = np.nan
        for i in np.flatnonzero(rng.random(count) < 3e-5):
            if i and i + 1 < count:
                x = column[i]
                column[i] = rng.choice([0.0, np.nan, 65535.0, x + 6553.6, 1e6, x * 2 + 3, x + 7])
