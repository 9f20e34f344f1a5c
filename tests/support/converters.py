"""Feeders of plants by the field's rules of thumb, independent of the simulators: a second opinion for the detectors.

Every load is an array of power over time with a power factor and a spectrum. Harmonics of several loads add up as
phasors with angles of their own. A site is drawn from its number alone, so that sites can be split by number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stillcold_core.samples import Samples

DAY, HOUR = 86400.0, 3600.0
EPOCH = 1.7e9
ORDERS = (5, 7, 11, 13, 17)
Array = NDArray[np.float64]
Rng = np.random.Generator
Spans = list[tuple[float, float]]
Spectrum = tuple[float, float, float, float, float]
SIX: Spectrum = (20.0, 14.0, 9.0, 8.0, 6.0)
TWELVE: Spectrum = (2.5, 2.0, 9.0, 7.5, 1.5)
DIODE: Spectrum = (28.0, 13.0, 7.0, 4.5, 3.5)
VIEWS: Mapping[str, tuple[str, ...]] = {
    "thd": ("active_power", "power_factor", "current_thd_l1"),
    "thd only": ("active_power", "current_thd_l1"),
    "u-i": ("active_power", "reactive_power", "voltage_l1", "voltage_l2", "voltage_l3", "current_l1", "current_l2",
            "current_l3"),
    "harmonics": ("active_power", "reactive_power", *(f"current_h{n}_l1" for n in ORDERS[:4])),
    "thd-v": ("active_power", "reactive_power", "voltage_thd_l1"),
    "all": ("active_power", "reactive_power", "current_thd_l1", "voltage_thd_l1",
            *(f"current_h{n}_l1" for n in ORDERS[:4])),
}  # fmt: skip
"""What a meter shows: the quantities by the name of the view."""


class Taken(NamedTuple):
    """What one load takes, moment by moment: W, power factor, spectrum in % of its fundamental."""

    power: Array
    factor: Array | float = 0.9
    spectrum: Spectrum = (0.0, 0.0, 0.0, 0.0, 0.0)
    more: Array | float = 1.0


@dataclass(frozen=True)
class Played:
    """A site over time.

    Attributes
    ----------
    name, seed : str, int
        Which one.
    times : array
        s
    columns : dict of str to array
        By quantity, of the moment.
    heats : list of pairs
        s at which each heat of the hidden furnace began and was tapped.
    power : float
        W of the furnace on its plateau.
    """

    name: str
    seed: int
    times: Array
    columns: dict[str, Array]
    heats: list[tuple[float, float]] = field(default_factory=list)
    power: float = 0.0

    def samples(self, view: str, every: float, *, mean: bool = False) -> Samples:
        """Samples of point ``p``, ``every`` s; ``mean``: of the time before them, as load profiles are."""
        n = round(every / (self.times[1] - self.times[0]))
        whole = len(self.times) // n * n
        rows = {q: self.columns[q][:whole].reshape(-1, n) for q in VIEWS[view]}
        columns = {q: (r.mean(1) if mean else r[:, -1]).astype(float) for q, r in rows.items()}
        times = EPOCH + self.times[:whole].reshape(-1, n)[:, -1]
        return Samples("p", times, columns, np.zeros(len(times)))


class Clock:
    """Times of a site, and what its plants do with them."""

    def __init__(self, rng: Rng, days: float, step: float) -> None:
        self.rng, self.days, self.step = rng, days, step
        self.t = np.arange(0.0, days * DAY, step)

    def zeros(self) -> Array:
        """Nothing at any time."""
        return np.zeros(len(self.t))

    def fill(self, into: Array, begin: float, end: float, level: float | Array) -> None:
        """A level from one moment to another."""
        a, b = np.searchsorted(self.t, [begin, end])
        into[a:b] = level if isinstance(level, float) else level[: b - a]

    def wander(self, tau: float) -> Array:
        """Noise of standard deviation 1 that keeps its value for ``tau`` s."""
        knots = self.rng.standard_normal(int(self.days * DAY / tau) + 3)
        rough: Array = np.interp(self.t, np.arange(len(knots)) * tau, knots)
        return rough * 1.22

    def noise(self, share: float) -> Array:
        """1 with noise from moment to moment."""
        return 1 + share * self.rng.standard_normal(len(self.t))

    def shifts(self, opens: float, closes: float, *, lunch: float = 0.75, workdays: int = 6) -> Spans:
        """Working hours of each day, with a pause at noon, their edges some minutes off."""
        spans = []
        for day in range(int(self.days) + 1):
            if day % 7 >= workdays:
                continue
            off = self.rng.uniform(-0.25, 0.25, 4)
            noon = (opens + closes) / 2
            edges = [opens + off[0], noon + off[1], noon + lunch + off[2] / 2, closes + off[3]]
            spans += [(day * DAY + a * HOUR, day * DAY + b * HOUR) for a, b in (edges[:2], edges[2:])]
        return spans

    def jobs(self, shortest: float, longest: float, rest: float, opens: float, closes: float) -> Spans:
        """Runs of so many hours with pauses of a quarter of an hour to ``rest`` h in working hours."""
        spans = []
        for day in range(int(self.days) + 1):
            at = opens + self.rng.uniform(0, 0.5)
            while day % 7 < 6 and at < closes - 0.3:
                end = min(closes, at + self.rng.uniform(shortest, longest))
                spans.append((day * DAY + at * HOUR, day * DAY + end * HOUR))
                at = end + self.rng.uniform(0.25, rest)
        return spans


def base(c: Clock) -> Taken:
    """Lighting, offices, small machines."""
    power = c.rng.uniform(10e3, 80e3) * (1 + 0.15 * c.wander(1800)) * c.noise(0.02)
    day = np.exp(-(((c.t % DAY) / HOUR - 13) ** 2) / 18)
    return Taken(np.maximum(3e3, power * (0.5 + day)), 0.92, (4.0, 2.5, 1.0, 0.7, 0.5))


def forge(c: Clock) -> Taken:
    """An induction heater before a press: the same converter, steady for hours, no taps; stands by in pauses."""
    rng, power = c.rng, c.rng.uniform(150e3, 1200e3)
    by_shift = rng.random() < 0.6
    spans = c.shifts(rng.uniform(6, 8), rng.uniform(16, 22)) if by_shift else c.jobs(1.0, 6.0, 1.5, 7, 21)
    share, stand_by = c.zeros(), rng.choice([0.0, 0.0, 0.1, 0.25])
    level, beat = 0.9, rng.uniform(20, 90)
    for a, b in spans:
        level = rng.uniform(0.75, 1.0) if rng.random() < 0.2 else level  # other billets
        c.fill(share, a, b, level)
        c.fill(share, b, b + 1800, float(stand_by))
        for _ in range(int(rng.poisson((b - a) / 5400))):  # a billet sticks, tools are changed
            at = rng.uniform(a, b)
            c.fill(share, at, at + rng.uniform(20, 400), float(rng.choice([0.0, 0.2, 0.5])))
    dips = np.where(c.t % beat < beat / 10, 1 - rng.uniform(0, 0.25), 1.0)
    return _converter(c, power, share * dips * c.noise(rng.uniform(0.003, 0.02)), SIX if rng.random() < 0.8 else TWELVE)


def _converter(c: Clock, power: float, share: Array, spectrum: Spectrum, diode: bool | None = None) -> Taken:
    """A rectifier with an inverter behind it; an SCR's power factor falls at reduced power."""
    diode = c.rng.random() < 0.3 if diode is None else diode
    best = c.rng.uniform(0.88, 0.96)
    factor = 0.95 if diode else np.clip(best * np.sqrt(np.clip(share, 0, 1)), 0.25, 0.96)
    scale = c.rng.uniform(0.75, 0.95)
    more = np.where(share > 0, 1 + 0.15 * (1 - np.clip(share, 0, 1)), 1.0)
    return Taken(power * np.maximum(0.0, share), factor, _times(spectrum, scale), more)


def _times(spectrum: Spectrum, by: float) -> Spectrum:
    a, b, c, d, e = spectrum
    return a * by, b * by, c * by, d * by, e * by


def drive(c: Clock, most: float = 400e3) -> Taken:
    """A motor behind a converter: a fan that runs on, a machine in batches, or a pump by level."""
    rng, power = c.rng, c.rng.uniform(30e3, most)
    kind = rng.integers(3)
    share = c.zeros()
    if kind == 0:
        share += 1.0
    elif kind == 1:
        for a, b in c.jobs(0.3, 6, 2, 6, 22):
            c.fill(share, a, b, rng.uniform(0.6, 1.0))
    else:
        on, off, at = rng.uniform(600, 7200), rng.uniform(600, 7200), 0.0
        while at < c.days * DAY:
            run = on * rng.uniform(0.7, 1.3)
            c.fill(share, at, at + run, 0.85)
            at += run + off * rng.uniform(0.7, 1.3)
    speed = np.clip(1 + rng.uniform(0.0, 0.08) * c.wander(rng.uniform(120, 1200)), 0.4, 1.15)
    more = 1 + 0.4 * (1 - np.clip(share * speed**3, 0, 1))
    return Taken(power * share * speed**3 * c.noise(0.01), 0.96, _times(DIODE, rng.uniform(0.7, 1.2)), more)


def oven(c: Clock) -> Taken:
    """Resistance heat treatment: a cold ramp, then a thermostat."""
    rng, power, share = c.rng, c.rng.uniform(100e3, 600e3), c.zeros()
    period, duty, ramp = rng.uniform(300, 1800), rng.uniform(0.25, 0.7), rng.uniform(2400, 9000)
    for a, b in c.shifts(6.5, rng.uniform(14, 23), lunch=0.0):
        cold = a if (a % DAY) < 9 * HOUR else a - 9e9
        now = np.where((c.t - cold < ramp) | (c.t % period < duty * period), 1.0, 0.0)
        i, j = np.searchsorted(c.t, [a, b])
        share[i:j] = now[i:j]
    return Taken(power * share * c.noise(0.005), 0.995, (1.0, 0.7, 0.3, 0.2, 0.1))


def compressor(c: Clock) -> Taken:
    """Two levels."""
    rng, power = c.rng, c.rng.uniform(55e3, 315e3)
    period, duty = rng.uniform(100, 1500), rng.uniform(0.3, 0.8)
    share = np.where((c.t + 200 * c.wander(3000)) % period < duty * period, 1.0, rng.uniform(0.25, 0.4))
    return Taken(power * share * c.noise(0.01), 0.5 + 0.37 * share, (2.0, 1.2, 0.5, 0.3, 0.2))


def mill(c: Clock) -> Taken:
    """Spikes of seconds, in campaigns."""
    rng, power, on = c.rng, c.rng.uniform(0.4e6, 2e6), c.zeros()
    for a, b in c.jobs(1.5, 7, 1.0, 6, 22):
        c.fill(on, a, b, 1.0)
    passes = np.where(rng.random(len(c.t)) < 0.55, rng.normal(1, 0.25, len(c.t)), 0.12)
    return Taken(power * on * np.maximum(0.1, passes), 0.72, (17.0, 10.0, 6.0, 5.0, 3.0))


def welders(c: Clock) -> Taken:
    """Bursts of seconds on two phases."""
    on = c.zeros()
    for a, b in c.shifts(8, 17):
        c.fill(on, a, b, 1.0)
    count = c.rng.integers(3, 10)
    return Taken(c.rng.uniform(10e3, 40e3) * on * c.rng.binomial(count, 0.25, len(c.t)), 0.7, (8.0, 4.0, 1.5, 1.0, 0.5))


def chargers(c: Clock) -> Taken:
    """Posts that cars come to: 20 to 70 min each, then a taper."""
    rng, power = c.rng, c.zeros()
    each = rng.uniform(60e3, 180e3)
    for _ in range(int(rng.integers(2, 7))):
        at = rng.uniform(0, 3 * HOUR)
        while at < c.days * DAY:
            lasts = rng.uniform(1200, 4200)
            i, j = np.searchsorted(c.t, [at, at + lasts])
            car = np.minimum(1.0, (1 - np.linspace(0, 1, j - i)) * rng.uniform(1.2, 3))
            power[i:j] += each * rng.uniform(0.5, 1) * car
            at += lasts + rng.exponential(2 * HOUR if 7 < at % DAY / HOUR < 22 else 6 * HOUR)
    return Taken(power, 0.985, (6.0, 4.0, 2.5, 2.0, 1.0))


def arc(c: Clock) -> Taken:
    """An arc furnace: taps of 40 to 60 min that swing from second to second."""
    rng, power, share = c.rng, c.rng.uniform(1.5e6, 5e6), c.zeros()
    for a, b in c.shifts(5, 23, lunch=0.2):
        at = a
        while at < b:
            lasts = rng.uniform(2400, 3600)
            c.fill(share, at, min(b, at + lasts), 1.0)
            at += lasts + rng.uniform(900, 2400)
    swing = np.clip(1 + 0.25 * rng.standard_normal(len(c.t)), 0.2, 1.4)
    return Taken(power * share * swing, 0.8, (5.0, 3.0, 1.0, 0.8, 0.5), np.clip(c.noise(0.3), 0.3, 2))


def ladle(c: Clock) -> Taken:
    """A ladle furnace: arcs of 5 to 15 min, quieter than those that melt."""
    rng, power, share = c.rng, c.rng.uniform(1e6, 4e6), c.zeros()
    for a, b in c.shifts(5, 23, lunch=0.2):
        at = a
        while at < b:
            for _ in range(int(rng.integers(2, 5))):
                lasts = rng.uniform(300, 900)
                c.fill(share, at, min(b, at + lasts), rng.uniform(0.6, 1.0))
                at += lasts + rng.uniform(120, 420)
            at += rng.uniform(900, 2700)
    swing = np.clip(1 + 0.08 * rng.standard_normal(len(c.t)), 0.5, 1.2)
    return Taken(power * share * swing, 0.82, (4.0, 2.5, 1.0, 0.7, 0.4), np.clip(c.noise(0.2), 0.4, 1.6))


Make = Callable[[Clock], Taken]
LEGAL: Mapping[str, Sequence[Make]] = {
    "forge": (base, forge),
    "forge and drives": (base, forge, drive, drive),
    "two forges": (base, forge, forge),
    "drives": (base, drive, drive, drive),
    "oven": (base, oven),
    "workshop": (base, drive, compressor, welders),
    "foundry shop": (base, oven, compressor, drive),
    "mill": (base, mill),
    "rolling shop": (base, mill, drive),
    "chargers": (base, chargers),
    "arc": (base, arc),
    "ladle": (base, ladle, compressor),
}
"""What hangs on the feeders of honest plants, by kind."""
BESIDE = ("drives", "oven", "workshop", "foundry shop", "chargers", "compressors")
_MIX: Mapping[str, Sequence[Make]] = {**LEGAL, "compressors": (base, compressor, compressor)}


def legal(name: str, seed: int, days: float, step: float = 10.0) -> Played:
    """An honest plant; on every other one a load is installed midway."""
    c = Clock(np.random.default_rng([seed, *name.encode(), 8]), days, step)
    loads = [make(c) for make in _MIX[name]]
    if seed % 2 and len(loads) > 1:
        loads[-1] = loads[-1]._replace(power=np.where(c.t < c.rng.uniform(0.2, 0.7) * days * DAY, 0.0, loads[-1].power))
    return Played(name, seed, c.t, _meter(c, loads))


def hidden(
    name: str, seed: int, days: float, first: float, *, power: float | None = None, step: float = 10.0
) -> Played:
    """The same plant with a medium-frequency furnace in its nights from day ``first`` on."""
    c = Clock(np.random.default_rng([seed, *name.encode(), 9]), days, step)
    loads = [make(c) for make in _MIX[name]]
    rated = power or float(c.rng.choice([350e3, 750e3, 1e6, 1.5e6, 2e6, 3e6]))
    furnace, heats, rest = _nights(c, rated, first)
    return Played(name, seed, c.t, _meter(c, [*loads, furnace, rest]), heats, rated)


def _nights(c: Clock, power: float, first: float) -> tuple[Taken, list[tuple[float, float]], Taken]:
    rng, share, aids = c.rng, c.zeros(), c.zeros()
    begins, heats = rng.uniform(18.5, 23.5), []
    pump, fan = rng.uniform(5e3, 30e3), rng.choice([0.0, rng.uniform(30e3, 200e3)])
    full, held = rng.uniform(45, 70) * 60, rng.random() < 0.85
    for day in range(int(c.days) + 1):
        at = day * DAY + begins * HOUR + rng.uniform(-900, 900)
        if at < first * DAY or at > (c.days - 0.45) * DAY:
            continue
        lead, start = rng.uniform(120, 1200), at
        for _ in range(int(rng.integers(4, 9))):
            end = _heat(c, share, at, full * rng.uniform(0.9, 1.1), held and rng.random() < 0.9)
            heats.append((at, end))
            at = end + rng.uniform(300, 900)
        c.fill(aids, start - lead, at + 3600, float(pump))
        c.fill(aids, start - lead / 2, at, float(pump + fan))
    twelve = rng.random() < 0.25
    noise = c.noise(rng.uniform(0.003, 0.015))
    furnace = _converter(c, power, share * noise, TWELVE if twelve else SIX, bool(rng.random() < 0.4))
    return furnace, heats, Taken(aids, 0.85, (2.0, 1.2, 0.5, 0.3, 0.2))


def _heat(c: Clock, share: Array, begin: float, full: float, held: bool) -> float:
    """One heat from its soft start of seconds to its tap; when it is tapped."""
    rng, at = c.rng, begin
    while at < begin + full:  # at one level until charge is added or slag drawn off
        lasts = min(rng.uniform(400, 1100), begin + full - at)
        c.fill(share, at, at + lasts, rng.uniform(0.87, 1.0))
        at += lasts
        if at < begin + full - 60:
            pause = rng.uniform(15, 90) if rng.random() < 0.8 else rng.uniform(90, 200)
            c.fill(share, at, at + pause, rng.uniform(0.1, 0.7))
            at += pause
    c.fill(share, at, at + (over := rng.uniform(180, 480)), 1.0)
    at += over
    if held:
        c.fill(share, at, at + (hold := rng.uniform(180, 900)), rng.uniform(0.1, 0.3))
        at += hold
    i, j = np.searchsorted(c.t, [begin, begin + (soft := rng.uniform(5, 30))])
    share[i:j] *= (c.t[i:j] - begin) / soft
    return at


def _meter(c: Clock, loads: Sequence[Taken]) -> dict[str, Array]:
    rng = c.rng
    power = sum((a.power for a in loads), c.zeros())
    reactive = sum((a.power * np.tan(np.arccos(np.clip(a.factor, 0.05, 1))) for a in loads), c.zeros())
    apparent = np.hypot(power, reactive)
    columns = {"active_power": power, "reactive_power": reactive, "power_factor": power / apparent}
    squares, voltage = c.zeros(), c.zeros()
    strength = rng.uniform(5e6, 40e6)  # VA of short circuit, behind the transformer
    for k, order in enumerate(ORDERS):
        angles = rng.uniform(-1.0, 1.0, len(loads)) * (1 if order < 10 else np.pi)
        phasor = sum(
            (a.power / np.clip(a.factor, 0.05, 1) * a.spectrum[k] / 100 * a.more * np.exp(1j * angles[i])
             for i, a in enumerate(loads)), 0j * c.t,
        )  # fmt: skip
        size = np.abs(phasor) * c.noise(0.01)
        columns[f"current_h{order}_l1"] = 100 * size / apparent
        squares += size**2
        voltage += (order * size / strength) ** 2
    columns["current_thd_l1"] = 100 * np.sqrt(squares) / apparent
    columns["voltage_thd_l1"] = np.hypot(100 * np.sqrt(voltage), 1.8 + 0.3 * c.wander(7200)) * c.noise(0.03)
    volts = 225 * (1 + 0.01 * c.wander(1800)) * c.noise(2e-4)
    for phase in (1, 2, 3):
        columns[f"voltage_l{phase}"] = volts
        columns[f"current_l{phase}"] = np.sqrt(apparent**2 + squares) / 3 / volts
    return {name: column.astype(np.float32) for name, column in columns.items()}
