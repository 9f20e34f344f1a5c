"""Feeders of plants for judging detectors: loads with working hours of their own behind one meter, as arrays.

A site is drawn from its number alone, so that sites with different numbers share nothing and can be split.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillcold_core.readings import Sample
from stillcold_sim.loads import (
    ArcFurnace,
    Charger,
    Demand,
    Forge,
    Furnace,
    Grid,
    LadleFurnace,
    LineFurnace,
    Load,
    Mill,
    Moment,
    Motor,
    Office,
    Oven,
    Steady,
    Vfd,
    Welder,
)

DAY = 86400.0
NAMES = (
    "active_power",
    "reactive_power",
    *(f"{stem}_l{p}" for stem in ("voltage", "current", "active_power") for p in (1, 2, 3)),
    "current_thd_l1",
    "voltage_thd_l1",
    *(f"current_h{n}_l1" for n in (5, 7, 11, 13)),
)
VIEWS: Mapping[str, tuple[str, ...]] = {
    "power": ("active_power",),
    "thd": ("active_power", "reactive_power", "current_thd_l1"),
    "u-i": NAMES[:8],
    "phases": NAMES[:12],
    "harmonics": ("active_power", "reactive_power", *NAMES[-4:]),
}
"""What a meter shows: the quantities by the name of the view."""

Hours = Callable[[float], bool]
Rng = np.random.Generator
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Site:
    """One feeder.

    Attributes
    ----------
    name : str
        Of its kind, for the table.
    seed : int
        Its number.
    loads : sequence of pairs
        Each load, and when it is switched on (by s since the beginning, at local midnight).
    days : float
        How long it is watched.
    furnace : Load, optional
        What is hidden there; the last of the loads.
    """

    name: str
    seed: int
    loads: tuple[tuple[Load, Hours], ...]
    days: float
    furnace: Load | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A site played.

    Attributes
    ----------
    times : array
        s
    columns : dict of str to array
        By quantity; each value is that of the moment.
    heats : list of pairs
        s at which each heat began and ended.
    """

    times: NDArray[np.float64]
    columns: dict[str, NDArray[np.float32]]
    heats: list[tuple[float, float]]

    def samples(self, view: str, every: float, *, mean: bool = False) -> Iterator[Sample]:
        """Samples of point ``p``, ``every`` s; ``mean``: of the time before them, as load profiles are."""
        step = float(self.times[1] - self.times[0])
        n = round(every / step)
        picked = {q: _taken(self.columns[q], n, mean) for q in VIEWS[view]}
        times = self.times[n - 1 :: n][: len(next(iter(picked.values())))]
        names, rows = list(picked), np.stack(list(picked.values()), axis=1).astype(float).tolist()
        for time, row in zip(times.tolist(), rows, strict=True):
            yield Sample("p", 1.7e9 + time, dict(zip(names, row, strict=True)))


def _taken(values: NDArray[np.float32], n: int, mean: bool) -> NDArray[np.float32]:
    whole = len(values) // n * n
    blocks = values[:whole].reshape(-1, n)
    taken: NDArray[np.float32] = blocks.mean(axis=1) if mean else blocks[:, -1]
    return taken


def play(site: Site, step: float = 10.0) -> Recorded:
    """Play a site."""
    rng = np.random.default_rng([site.seed, 99])
    runs = [(load.begin(rng), on) for load, on in site.loads]
    times = np.arange(0.0, site.days * DAY, step)
    taken = np.zeros((len(runs), len(times), len(_FIELDS) + 10))
    events: list[tuple[float, bool, str]] = []
    for i, t in enumerate(times.tolist()):
        moment = Moment(t, step, t % DAY)
        for j, (run, on) in enumerate(runs):
            demand = run.step(moment, on(t))
            if demand.active_power:
                taken[j, i] = _row(demand)
        if site.furnace is not None:
            events.append((t, demand.active_power > 0, demand.event))
    grid = Grid(site.seed)
    level = 220 * np.array([grid.level(t) for t in times.tolist()])
    voltage = level[:, None] * (1 + 2e-4 * rng.standard_normal((len(times), 3)))
    return Recorded(times, _together(taken, voltage), _heats(events))


_FIELDS = ("active_power", "reactive_power", "current_thd", "voltage_thd", "distortion", "sag")
_ORDERS = (5, 7, 11, 13)


def _row(demand: Demand) -> list[float]:
    harmonics = [demand.harmonics.get(n, 0.0) for n in _ORDERS]
    return [*(getattr(demand, f) for f in _FIELDS), *harmonics, *demand.shares, *demand.reactive_shift]


def _together(taken: Array, voltage: Array) -> dict[str, NDArray[np.float32]]:
    """What a meter shows of all loads: the laws of ``stillcold_sim.loads.combine``, for all moments at once."""
    p, q, thd, voltage_thd, distortion, sag = np.moveaxis(taken[:, :, :6], 2, 0)
    harmonics, shares, shift = taken[:, :, 6:10], taken[:, :, 10:13], taken[:, :, 13:16]
    own, total = np.hypot(p, q), np.hypot(p.sum(0), q.sum(0))
    safe = np.where(total > 0, total, 1.0)
    powers, vars_ = (p[..., None] * shares).sum(0), (q[..., None] * shares + shift).sum(0)
    rms = np.sqrt(1 + (own**2 * ((1 + distortion) ** 2 - 1)).sum(0) / safe**2)
    volts = voltage * (1 - sag.sum(0))[:, None]
    columns = {"active_power": p.sum(0), "reactive_power": q.sum(0)}
    for i in range(3):
        columns[f"voltage_l{i + 1}"] = volts[:, i]
        columns[f"current_l{i + 1}"] = np.hypot(powers[:, i], vars_[:, i]) * rms / volts[:, i]
        columns[f"active_power_l{i + 1}"] = powers[:, i]
    columns["current_thd_l1"] = ((thd * own) ** 1.4).sum(0) ** (1 / 1.4) / safe
    columns["voltage_thd_l1"] = 1.6 + (voltage_thd**1.4).sum(0) ** (1 / 1.4)
    for i, n in enumerate(_ORDERS):
        exponent = 1.4 if n < 10 else 2.0
        columns[f"current_h{n}_l1"] = ((harmonics[:, :, i] * own) ** exponent).sum(0) ** (1 / exponent) / safe
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _heats(events: list[tuple[float, bool, str]]) -> list[tuple[float, float]]:
    heats: list[tuple[float, float]] = []
    melting: float | None = None
    for t, works, event in events:
        if melting is not None and (not works or event in ("tap_begins", "melt_begins")):
            heats.append((melting, t))
            melting = None
        if works and melting is None:
            melting = t
    return heats


def always(_t: float) -> bool:
    """Never switched off."""
    return True


def shift(rng: Rng, opens: float, closes: float, *, pause: float = 0.5, workdays: int = 6) -> Hours:
    """A working day of so many hours with a pause at noon; its edges differ by some minutes from day to day."""
    jitter = rng.uniform(-900, 900, (400, 4))

    def on(t: float) -> bool:
        day, hour = int(t // DAY), t % DAY
        a, b, c, d = jitter[day]
        noon = (opens + closes) / 2 * 3600
        if day % 7 >= workdays or not opens * 3600 + a <= hour < closes * 3600 + b:
            return False
        return not noon + c <= hour < noon + c + pause * 3600 + d / 2

    return on


def batches(rng: Rng, longest: float, pause: float, opens: float = 7, closes: float = 19) -> Hours:
    """Runs of 0.5 to ``longest`` h with pauses of a quarter to ``pause`` h, within working hours."""
    edges, t = [], 0.0
    while t < 400 * DAY:
        run, rest = rng.uniform(0.5, longest) * 3600, rng.uniform(0.25, pause) * 3600
        edges += [t, t + run]
        t += run + rest
    marks = np.array(edges)

    def on(t: float) -> bool:
        return opens * 3600 <= t % DAY < closes * 3600 and int(np.searchsorted(marks, t, "right")) % 2 == 1

    return on


def nights(begins: float, ends: float, first: int) -> Hours:
    """Every night from day ``first`` on, over midnight."""

    def on(t: float) -> bool:
        hour = t % DAY / 3600
        return t >= first * DAY and (hour >= begins or hour < ends) and t >= first * DAY + begins * 3600

    return on


def _mill(rng: Rng) -> list[tuple[Load, Hours]]:
    return [(Mill(power=rng.uniform(0.4e6, 2e6)), shift(rng, 6, 22))]


def _motors(rng: Rng) -> list[tuple[Load, Hours]]:
    return [
        (
            Motor(
                power=rng.uniform(55e3, 315e3),
                idle=rng.uniform(0.25, 0.4),
                loaded=rng.uniform(60, 900),
                unloaded=rng.uniform(40, 600),
            ),
            always if rng.random() < 0.5 else shift(rng, 7, 20),
        )
        for _ in range(int(rng.integers(1, 4)))
    ]


def _vfds(rng: Rng) -> list[tuple[Load, Hours]]:
    return [
        (
            Vfd(power=rng.uniform(30e3, 250e3), speed=rng.uniform(0.7, 0.95), wander=rng.uniform(0.02, 0.08)),
            always if rng.random() < 0.4 else batches(rng, 6, 2),
        )
        for _ in range(int(rng.integers(1, 4)))
    ]


def _oven(rng: Rng) -> list[tuple[Load, Hours]]:
    oven = Oven(power=rng.uniform(100e3, 500e3), cold_ramp=rng.uniform(3000, 9000), duty=rng.uniform(0.25, 0.6))
    return [(oven, shift(rng, 7, 19, pause=0))]


def _forge(rng: Rng) -> list[tuple[Load, Hours]]:
    forge = Forge(power=rng.uniform(150e3, 1200e3), beat=rng.uniform(20, 90), warm_up=rng.uniform(20, 120))
    return [(forge, shift(rng, 7, 19) if rng.random() < 0.6 else batches(rng, 5, 1.0))]


def _shop(rng: Rng) -> list[tuple[Load, Hours]]:
    welders: list[tuple[Load, Hours]] = [
        (Welder(power=rng.uniform(10e3, 40e3)), shift(rng, 8, 17)) for _ in range(int(rng.integers(2, 5)))
    ]
    return [(Office(base=5e3, peak=rng.uniform(30e3, 150e3)), always), *welders]


def _chargers(rng: Rng) -> list[tuple[Load, Hours]]:
    return [(Charger(power=rng.uniform(60e3, 120e3), posts=int(rng.integers(2, 8))), always)]


def _arc(rng: Rng) -> list[tuple[Load, Hours]]:
    return [(ArcFurnace(power=rng.uniform(1.5e6, 4e6), tonnes=rng.uniform(3, 8)), shift(rng, 6, 22, pause=0))]


def _ladle(rng: Rng) -> list[tuple[Load, Hours]]:
    return [(LadleFurnace(power=rng.uniform(1.5e6, 4e6), tonnes=rng.uniform(10, 30)), shift(rng, 6, 22, pause=0))]


def _base(rng: Rng) -> list[tuple[Load, Hours]]:
    return [(Steady(power=rng.uniform(10e3, 80e3)), always)]


LEGAL: Mapping[str, tuple[Callable[[Rng], list[tuple[Load, Hours]]], ...]] = {
    "mill": (_base, _mill),
    "motors": (_base, _motors),
    "vfd": (_base, _vfds),
    "oven": (_base, _oven),
    "forge": (_base, _forge),
    "shop": (_shop,),
    "chargers": (_base, _chargers),
    "arc": (_base, _arc),
    "ladle": (_base, _ladle),
    "foundry shop": (_shop, _oven, _motors),
    "workshop": (_shop, _vfds, _motors),
    "forging shop": (_shop, _forge, _vfds),
    "rolling shop": (_shop, _mill, _motors),
}
"""What hangs on the feeders of honest plants, by kind."""


def legal(name: str, seed: int, days: float) -> Site:
    """An honest plant."""
    rng = np.random.default_rng([seed, *name.encode()])
    return Site(name, seed, tuple(pair for make in LEGAL[name] for pair in make(rng)), days)


def hidden(name: str, seed: int, days: float = 3.0, furnace: Load | None = None, first: int = 1) -> Site:
    """The same plant with a furnace at work in its nights from day ``first`` on."""
    honest = legal(name, seed, days)
    rng = np.random.default_rng([seed, 4, *name.encode()])
    furnace = furnace or medium_frequency(rng)
    begins, ends = rng.uniform(19.5, 23), rng.uniform(4, 6.5)
    return Site(name, seed, (*honest.loads, (furnace, nights(begins, ends, first))), days, furnace)


def medium_frequency(rng: Rng, power: float | None = None) -> Furnace:
    """A furnace of 350 kW to 2 MW; half of them go up within seconds, as modern ones do, half within half an hour."""
    keys: dict[str, Any] = {"pulses": 12} if rng.random() < 0.2 else {}
    slow = rng.random() < 0.5
    return Furnace(
        power=power or float(rng.choice([350e3, 450e3, 750e3, 1e6, 1.5e6, 2e6])),
        ramp=rng.uniform(900, 2700) if slow else rng.uniform(5, 60),
        heat_hours=rng.uniform(0.75, 1.3),
        inverter="scr" if rng.random() < 0.7 else "diode",
        **keys,
    )


def line_frequency(rng: Rng) -> LineFurnace:
    """A furnace of 300 kW to 1 MW on the line's own frequency."""
    return LineFurnace(
        power=rng.uniform(300e3, 1e6), heat_hours=rng.uniform(1.0, 2.2), taps=int(rng.integers(3, 7)),
        tap_time=rng.uniform(120, 600),
    )  # fmt: skip
