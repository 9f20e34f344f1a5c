"""Feeders as mean power, by the field's rules of thumb and independent of the simulators: for judging by power alone.

Every load is a staircase of power over time, so that its energy, and with it the mean power of any interval, is exact
and a year costs milliseconds. What swings faster than the staircase is noise with a time constant.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from support.staircase import DAY, HOUR, MINUTE, PowerFeeder, Rng, Staircase

Spans = list[tuple[float, float]]


def shifts(
    rng: Rng, days: float, opens: float, closes: float, *, lunch: float = 0.5, workdays: int = 6, overtime: float = 0.03
) -> Spans:
    """Working hours with a pause at noon, holidays, and now and then an evening or a night of overtime."""
    spans: Spans = []
    for day in range(int(days) + 1):
        if (day % 7 >= workdays and rng.random() > overtime) or rng.random() < 0.02:
            continue
        a, b = day * DAY + (opens + rng.normal(0, 0.15)) * HOUR, day * DAY + (closes + rng.normal(0, 0.2)) * HOUR
        if rng.random() < overtime:
            b += rng.uniform(1, 9) * HOUR
        noon = day * DAY + (opens + closes) / 2 * HOUR + rng.normal(0, 300)
        pause = lunch * HOUR + rng.normal(0, 180) if lunch else 0.0
        spans += [(a, noon), (noon + pause, b)] if lunch else [(a, b)]
    return spans


def within(spans: Spans, days: float) -> Spans:
    """Spans cut to the time watched."""
    return [(max(0.0, a), min(b, days * DAY)) for a, b in spans if a < days * DAY and b > 0 and b > a]


def furnace(
    rng: Rng, sessions: Spans, power: float, *, old: bool = False
) -> tuple[Staircase, tuple[tuple[float, float], ...]]:
    """A medium-frequency furnace: soft start of 5 to 30 s, plateau with dips, superheat, hold, tap; again."""
    stair = Staircase(noise=0.008, constant=5.0, power_factor=rng.uniform(0.85, 0.96))
    plateau = (rng.uniform(80, 130) if old else rng.uniform(45, 70)) * MINUTE
    level, superheat, spread = rng.uniform(0.85, 1.0), rng.random() < 0.5, rng.uniform(0.02, 0.06)
    hold, hold_share = rng.uniform(0, 20) * MINUTE * (rng.random() < 0.7), rng.uniform(0.1, 0.3)
    tap, dips = rng.uniform(5, 15) * MINUTE, rng.uniform(8, 20) * MINUTE
    heats: list[tuple[float, float]] = []
    for a, b in sessions:
        t = a + rng.uniform(0, 600)
        while t < b:
            begun, target = t, plateau * level * (1 + spread * np.clip(rng.standard_normal(), -2, 2))
            t = _melt(stair, rng, t, power, level * rng.uniform(0.985, 1.0), target, dips, superheat)
            if hold:
                stair.go(t, power * hold_share)
                t += hold * rng.uniform(0.7, 1.3)
            stair.go(t, 0.0)
            heats.append((begun, t))
            t += float(np.clip(tap * rng.uniform(0.7, 1.4), 300, 900))
    return stair, tuple(heats)


def _melt(
    stair: Staircase, rng: Rng, t: float, power: float, level: float, target: float, dips: float, superheat: bool
) -> float:
    """One heat until its energy (s of full power) is in; the time it ends."""
    for share in (0.3, 0.65):  # soft start
        stair.go(t, share * power * level)
        t += rng.uniform(3, 12)
    done = 0.0
    while done < target:
        share = 1.0 if superheat and done > 0.85 * target else level
        run = min(rng.uniform(0.5, 1.5) * dips, (target - done) / share + 1)
        stair.go(t, share * power)
        t, done = t + run, done + run * share
        if done < 0.9 * target:
            dip = rng.uniform(15, 90)
            stair.go(t, power * rng.uniform(0.2, 0.7))
            t += dip
    return t


def forge(rng: Rng, spans: Spans, power: float, *, batch: float = 0.0) -> Staircase:
    """Induction heating for forging: steady, or in batches of about ``batch`` s with pauses."""
    stair = Staircase(noise=0.02, constant=20.0, power_factor=0.93)
    for a, b in spans:
        t = a
        while t < b:
            run = b - t if not batch else min(batch * rng.uniform(0.5, 1.6), b - t)
            stair.go(t, power * 0.5)
            stair.go(t + 60, power * rng.uniform(0.96, 1.0))
            stair.go(t + run, 0.0)
            t += run + rng.uniform(8, 40) * MINUTE
    return stair


_ARC = ((180, 0.6, 0.3), (1200, 1.0, 0.15), (300, 0.0, 0.0), (180, 0.6, 0.3), (1200, 1.0, 0.12), (900, 0.6, 0.05),
        (900, 0.0, 0.0))  # fmt: skip
_LADLE = ((480, 1.0, 0.1), (240, 0.0, 0.0), (420, 0.9, 0.1), (240, 0.0, 0.0), (300, 0.8, 0.1), (900, 0.0, 0.0))


def arcs(rng: Rng, spans: Spans, power: float, *, ladle: bool = False) -> Staircase:
    """An arc or ladle furnace: stages whose level wanders from minute to minute and whose arcs swing within seconds."""
    stair = Staircase(noise=0.15, constant=1.5, power_factor=0.78)
    stages, stretch = _LADLE if ladle else _ARC, rng.uniform(0.8, 1.3)
    for a, b in spans:
        t = a
        while t < b:
            for seconds, share, wild in stages:
                ends = t + seconds * stretch * rng.uniform(0.85, 1.2)
                while t < ends:
                    stair.go(t, power * share * max(0.1, 1 + wild * rng.standard_normal()))
                    t += min(rng.uniform(60, 180), ends - t + 1e-6)
        stair.go(b, 0.0)
    return stair


def oven(rng: Rng, spans: Spans, power: float) -> Staircase:
    """Heat treatment: a cold ramp at full power, then a thermostat with a cycle of minutes to an hour."""
    stair = Staircase(noise=0.003, power_factor=0.995)
    ramp, cycle, duty = (
        rng.uniform(0.7, 3) * HOUR,
        np.exp(rng.uniform(np.log(4), np.log(60))) * MINUTE,
        rng.uniform(0.2, 0.65),
    )
    ended = -1e9
    for a, b in spans:
        stair.go(a, power)
        t = a + ramp * min(1.0, (a - ended) / (12 * HOUR) if ended > 0 else 1.0)
        while t < b:
            stair.go(t, 0.0)
            stair.go(t + cycle * (1 - duty), power)
            t += cycle * rng.uniform(0.95, 1.05)
        stair.go(b, 0.0)
        ended = b
    return stair


def two_levels(rng: Rng, spans: Spans, power: float) -> Staircase:
    """A compressor: loaded and idle, for minutes each."""
    stair = Staircase(noise=0.02, power_factor=0.85)
    loaded, idle = rng.uniform(60, 900), rng.uniform(40, 600)
    for a, b in spans:
        t = a
        while t < b:
            stair.go(t, power)
            stair.go(t + loaded * rng.uniform(0.7, 1.3), 0.3 * power)
            t = stair.times[-1] + idle * rng.uniform(0.7, 1.3)
        stair.go(b, 0.0)
    return stair


def wandering(rng: Rng, spans: Spans, power: float, *, every: float = 600.0, spread: float = 0.15) -> Staircase:
    """A drive, a fan or a hall of machines: its level moves every so often."""
    stair = Staircase(noise=0.03, constant=10.0, power_factor=0.9)
    for a, b in spans:
        t, level = a, 0.8
        while t < b:
            level = float(np.clip(0.8 + 0.7 * (level - 0.8) + spread * rng.standard_normal(), 0.2, 1.1))
            stair.go(t, power * level)
            t += every * rng.uniform(0.5, 1.5)
        stair.go(b, 0.0)
    return stair


def mill(rng: Rng, spans: Spans, power: float) -> Staircase:
    """A rolling mill: passes of seconds (noise), campaigns of 20 to 120 min with changes of rolls in between."""
    stair = Staircase(noise=0.7, constant=4.0, power_factor=0.75)
    for a, b in spans:
        t = a
        while t < b:
            stair.go(t, power * rng.uniform(0.4, 0.6))
            stair.go(min(b, t + rng.uniform(20, 120) * MINUTE), 0.1 * power)
            t = stair.times[-1] + rng.uniform(5, 30) * MINUTE
        stair.go(b, 0.0)
    return stair


def chargers(rng: Rng, days: float, power: float, posts: int, *, at_night: bool = False) -> list[Staircase]:
    """Charging posts: a step, then a taper; company lorries in the night."""
    found = []
    for _ in range(posts):
        stair, t = Staircase(noise=0.005, power_factor=0.98), 0.0
        while t < days * DAY:
            t += (rng.uniform(0.5, 1.0) * DAY) if at_night else rng.exponential(5 * HOUR)
            if at_night:
                t = t // DAY * DAY + 20 * HOUR + rng.normal(0, 0.7) * HOUR
            full = power * rng.uniform(0.7, 1.0)
            stair.go(t, full)
            t = stair.times[-1] + rng.uniform(15, 90) * MINUTE
            for share in (0.7, 0.45, 0.25, 0.0):
                stair.go(t, full * share)
                t += rng.uniform(5, 12) * MINUTE
        found.append(stair)
    return found


def trials(rng: Rng, days: float, power: float, each: float = 30.0) -> Staircase:
    """Test runs: a fire pump, a machine after repair; single ones or two or three in a row, at any hour."""
    stair, t = Staircase(noise=0.02, power_factor=0.87), 0.0
    while t < days * DAY:
        t += rng.exponential(each * DAY)
        for _ in range(int(rng.integers(1, 4))):
            stair.go(t, power * rng.uniform(0.6, 1.0))
            t = stair.times[-1] + rng.uniform(5, 90) * MINUTE
            stair.go(t, 0.0)
            t += rng.uniform(5, 60) * MINUTE
    return stair


def base(rng: Rng, days: float, power: float) -> Staircase:
    """What is always on: lights, pumps, ventilation with a day's rise."""
    stair = Staircase(noise=0.02, constant=30.0, power_factor=0.9)
    for hour in range(int(days * 24) + 1):
        day = 1.0 if 7 <= hour % 24 < 19 else 0.6
        stair.go(hour * HOUR, power * day * (1 + 0.06 * rng.standard_normal()))
    return stair


Make = Callable[[Rng, float], list[Staircase]]


def _spans(rng: Rng, days: float) -> Spans:
    """One, two or three shifts."""
    opens, closes = ((7, 18), (6, 22), (0, 23.6))[int(rng.integers(3))]
    return within(shifts(rng, days, opens, closes, lunch=float(rng.random() < 0.7) * 0.6), days)


def _forging(rng: Rng, days: float) -> list[Staircase]:
    return [forge(rng, _spans(rng, days), rng.uniform(150e3, 1.2e6))]


def _batches(rng: Rng, days: float) -> list[Staircase]:
    return [forge(rng, _spans(rng, days), rng.uniform(150e3, 1.2e6), batch=rng.uniform(35, 90) * MINUTE)]


def _arc(rng: Rng, days: float) -> list[Staircase]:
    return [arcs(rng, _spans(rng, days), rng.uniform(1e6, 4e6))]


def _ladle(rng: Rng, days: float) -> list[Staircase]:
    return [arcs(rng, _spans(rng, days), rng.uniform(1e6, 4e6), ladle=True)]


def _oven(rng: Rng, days: float) -> list[Staircase]:
    return [oven(rng, _spans(rng, days), rng.uniform(100e3, 600e3)) for _ in range(int(rng.integers(1, 3)))]


def _compressors(rng: Rng, days: float) -> list[Staircase]:
    return [
        two_levels(rng, [(0.0, days * DAY)] if rng.random() < 0.5 else _spans(rng, days), rng.uniform(55e3, 315e3))
        for _ in range(int(rng.integers(1, 4)))
    ]


def _drives(rng: Rng, days: float) -> list[Staircase]:
    return [
        wandering(rng, [(0.0, days * DAY)] if rng.random() < 0.3 else _spans(rng, days), rng.uniform(30e3, 300e3))
        for _ in range(int(rng.integers(1, 4)))
    ]


def _mill(rng: Rng, days: float) -> list[Staircase]:
    return [mill(rng, _spans(rng, days), rng.uniform(0.5e6, 2e6))]


def _hall(rng: Rng, days: float) -> list[Staircase]:
    """Welders and machine tools."""
    return [wandering(rng, _spans(rng, days), rng.uniform(60e3, 400e3), every=300, spread=0.25)]


def _posts(rng: Rng, days: float) -> list[Staircase]:
    return chargers(rng, days, rng.uniform(60e3, 180e3), int(rng.integers(2, 7)), at_night=bool(rng.random() < 0.4))


def _trials(rng: Rng, days: float) -> list[Staircase]:
    return [trials(rng, days, rng.uniform(60e3, 300e3))]


HONEST: Mapping[str, Sequence[Make]] = {
    "forge": (_forging,),
    "forge in batches": (_batches,),
    "arc": (_arc,),
    "ladle": (_ladle,),
    "oven": (_oven,),
    "compressors": (_compressors,),
    "drives": (_drives,),
    "mill": (_mill,),
    "hall": (_hall,),
    "chargers": (_posts,),
    "test runs": (_hall, _trials),
    "workshop": (_hall, _compressors, _oven),
    "forging shop": (_forging, _hall, _compressors),
    "rolling shop": (_mill, _drives, _trials),
}
"""Honest feeders by kind; the base load is always there."""
BESIDE = ("oven", "compressors", "drives", "mill", "hall", "workshop", "forge", "test runs")
"""Feeders that a furnace is hidden on."""


def honest(name: str, seed: int, days: float) -> PowerFeeder:
    """An honest feeder."""
    rng = np.random.default_rng([seed, *name.encode()])
    loads = [base(rng, days, rng.uniform(10e3, 80e3))]
    for make in HONEST[name]:
        loads += make(rng, days)
    return PowerFeeder(name, seed, days, loads)


def hiding(name: str, seed: int, *, before: float = 10.0, days: float = 2.0, old: bool = False) -> PowerFeeder:
    """The same with a furnace in its nights after ``before`` days, of at least 19 % of the feeder's 99th percentile."""
    feeder = honest(name, seed, before + days + 0.4)
    rng = np.random.default_rng([seed, 5, *name.encode()])
    sizes = [350e3, 500e3, 750e3, 1e6, 1.5e6, 2e6]
    power = float(rng.choice([p for p in sizes if p >= 0.19 * feeder.others()]))
    begins, ends = rng.uniform(19, 23), rng.uniform(28, 31)
    sessions = [((before + d) * DAY + begins * HOUR, (before + d) * DAY + ends * HOUR) for d in range(int(days))]
    stair, heats = furnace(rng, sessions, power, old=old)
    return PowerFeeder(name, seed, feeder.days, feeder.loads, stair, heats, power)
