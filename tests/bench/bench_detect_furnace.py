"""How well hidden furnaces are found, and how seldom honest feeders are accused, by what the meter shows and how often.

Thresholds were chosen on sites below 10, 101 to 104 and 201 to 204; these are others. ``STILLCOLD_SITES`` is how many
of each kind; the weights were not touched after they were seen.
"""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.furnace import Feeder, FurnaceState, step
from stillcold_core.readings import Sample
from support import converters
from support.converters import Played
from support.feeders import DAY, LEGAL, Recorded, Site, hidden, legal, line_frequency, medium_frequency, nights, play
from support.plants import real_furnace, steel_plant
from support.said import first_said

FEEDER = Feeder("site", "line", "p")
EPOCH = 1.7e9
SITES = range(1001, 1001 + int(os.environ.get("STILLCOLD_SITES", "1")))
WITH_ARCS = ("arc", "ladle")
BESIDE = ("motors", "vfd", "oven", "shop", "foundry shop", "workshop")
METERS: Sequence[tuple[str, float]] = (
    ("thd", 10), ("thd", 60), ("harmonics", 60), ("u-i", 60), ("phases", 60), ("thd", 300), ("power", 60),
    ("power", 900),
)  # fmt: skip


@dataclass
class Score:
    """What became of some sites."""

    found: int = 0
    first: int = 0
    second: int = 0
    sites: int = 0
    alerts: int = 0
    days: float = 0.0
    minutes: list[float] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)


def site_of(kind: str, name: str, number: int) -> Site:
    """A site of one of the kinds: legal, hidden, cold (the furnace works from the first night on), line."""
    if kind == "legal":
        return legal(name, number, 10)
    furnace = line_frequency(np.random.default_rng([number, 7])) if kind == "line" else None
    return (
        hidden(name, number, 1.4, furnace, first=0) if kind == "cold" else hidden(name, number, 4.4, furnace, first=3)
    )


@cache
def played(kind: str, name: str, number: int) -> Recorded:
    """A site, played once for all meters."""
    return play(site_of(kind, name, number))


def judge(samples: Iterable[Sample]) -> list[Finding]:
    """The alerts of a stream, as each was said first."""
    state, findings = FurnaceState(), []
    for sample in samples:
        state, found = step(FEEDER, state, sample)
        findings += found
    return first_said(findings)


def furnaces(kind: str, names: Sequence[str], view: str, every: float) -> Score:
    """Furnaces that take at least 19 % of what the feeder takes at most otherwise (99th percentile)."""
    score = Score()
    for name in names:
        for number in SITES:
            record = played(kind, name, number)
            others = record.columns["active_power"][record.times < record.heats[0][0]]
            furnace = site_of(kind, name, number).furnace
            if furnace is not None and getattr(furnace, "power", 0.0) >= 0.19 * float(np.percentile(others, 99)):
                _count(score, record, judge(record.samples(view, every, mean=every >= 900)))
    return score


def _count(score: Score, record: Recorded | Played, alerts: list[Finding]) -> None:
    begin = record.heats[0][0]
    score.sites += 1
    score.alerts += sum(f.detected - EPOCH < begin for f in alerts)
    later = [f for f in alerts if f.detected - EPOCH >= begin]
    if not later:
        return
    at = later[0].detected - EPOCH
    before = sum(ended < at - 1 for _, ended in record.heats)
    # A finding at the moment at which the second heat is over is one within two heats.
    score.found, score.first, score.second = score.found + 1, score.first + (before < 1), score.second + (before <= 2)
    score.minutes.append((at - begin) / 60)
    score.energy.append(float(later[0].evidence["energy"]) / 1e6)


def honest(names: Sequence[str], view: str, every: float) -> Score:
    """Feeders without a furnace."""
    score = Score()
    for name in names:
        for number in SITES:
            record = played("legal", name, number)
            score.sites += 1
            score.days += float(record.times[-1]) / DAY
            score.alerts += len(judge(record.samples(view, every, mean=every >= 900)))
    return score


def rate(score: Score) -> str:
    """False alerts a meter-year with the upper end of the 95 % interval (the rule of three where there were none)."""
    years = score.days / 365
    upper = (score.alerts + 1.92 + 1.96 * np.sqrt(score.alerts + 0.96)) / years if score.alerts else 3 / years
    return f"{score.alerts / years:6.2f} (< {upper:5.2f}), {score.alerts} in {score.days:.0f} meter-days"


def told(score: Score) -> str:
    """A line of the table."""
    if not score.found:
        return f"found 0 of {score.sites}"
    return (
        f"first heat {score.first:2}/{score.sites}, two heats {score.second:2}/{score.sites}, ever "
        f"{score.found:2}/{score.sites}; median {np.median(score.minutes):4.0f} min, {np.median(score.energy):.2f} MWh"
    )


@pytest.mark.parametrize(("view", "every"), METERS)
def test_medium_frequency(view: str, every: float) -> None:
    print(f"\n{view}@{every:g}s medium frequency: {told(furnaces('hidden', BESIDE, view, every))}")
    print(f"{view}@{every:g}s false alerts: {rate(honest([n for n in LEGAL if n not in WITH_ARCS], view, every))}")
    print(f"{view}@{every:g}s beside arcs: {rate(honest(WITH_ARCS, view, every))}")


@pytest.mark.parametrize(("view", "every"), [("phases", 10), ("phases", 60)])
def test_line_frequency(view: str, every: float) -> None:
    print(f"\n{view}@{every:g}s line frequency: {told(furnaces('line', ('motors', 'oven', 'shop'), view, every))}")


@pytest.mark.parametrize(("view", "every"), [("thd", 60), ("power", 900)])
def test_a_feeder_watched_from_the_day_the_furnace_starts(view: str, every: float) -> None:
    print(f"\n{view}@{every:g}s from the first day: {told(furnaces('cold', BESIDE, view, every))}")


@pytest.mark.parametrize(("view", "every"), [("thd", 60), ("u-i", 60), ("thd", 300)])
@pytest.mark.parametrize(("days", "first"), [(4.6, 3.0), (1.6, 0.0)])
def test_furnaces_of_the_other_generator(view: str, every: float, days: float, first: float) -> None:
    score = Score()
    for name in converters.BESIDE:
        for number in SITES:
            site = converters.hidden(name, number, days, first)
            others = site.columns["active_power"][site.times < site.heats[0][0]]
            if site.power >= 0.19 * float(np.percentile(others, 99)):
                _count(score, site, judge(site.samples(view, every).rows()))
    print(f"\n{view}@{every:g}s, other generator, watched for {first:g} days: {told(score)}; {score.alerts} before")


@pytest.mark.parametrize(("view", "every"), [("thd", 60), ("u-i", 60), ("thd", 300)])
def test_honest_feeders_of_the_other_generator(view: str, every: float) -> None:
    score, accused = Score(), []
    for name in converters.LEGAL:
        for number in SITES:
            alerts = judge(converters.legal(name, number, 14).samples(view, every).rows())
            score.days, score.alerts = score.days + 14, score.alerts + len(alerts)
            accused += [name] * len(alerts)
    print(f"\n{view}@{every:g}s, other generator, false alerts: {rate(score)} {sorted(accused)}")


def test_recordings() -> None:
    for name, quantities in {"all": (), "power": ("active_power",)}.items():
        begun = time.process_time()
        samples = list(real_furnace(*quantities))
        read = time.process_time()
        alerts = judge(samples)
        spent = (time.process_time() - read) / len(samples) * 1e6
        first = alerts[0]
        print(
            f"\nreal furnace, {name}: {first.reason}; {(first.detected - first.began) / 60:.0f} min after it began; "
            f"{len(alerts)} alerts; {spent:.0f} µs a sample of a minute (read in {read - begun:.1f} s)"
        )
    print(f"real steel plant: {len(judge(steel_plant()))} alerts in half a year")


def _power(sample: Sample) -> float:
    return sample.number("active_power") or 0.0


@pytest.mark.parametrize("power", [150e3, 250e3, 400e3])
def test_a_furnace_hidden_in_nights_of_the_real_steel_plant(power: float) -> None:
    """Power alone every 15 min; the plant's own 99th percentile is 510 kW."""
    plant = sorted(steel_plant(), key=lambda s: s.time)
    score = Score()
    for week in range(2, 22):
        rng = np.random.default_rng([week, int(power)])
        furnace = medium_frequency(rng, power)
        record = play(Site("steel", 5000 + week, ((furnace, nights(22, 5, 0)),), 1.3, furnace))
        first = next(i for i, s in enumerate(plant) if s.time >= plant[0].time + week * 7 * DAY and s.time % DAY < 900)
        nightly = list(record.samples("power", 900, mean=True))
        alone, beside = plant[first - 14 * 96 : first], plant[first : first + len(nightly)]
        mixed = [
            Sample("p", s.time, {"active_power": _power(s) + _power(f)}) for s, f in zip(beside, nightly, strict=True)
        ]
        begin = beside[0].time - 900 - EPOCH
        shifted = Recorded(record.times, record.columns, [(a + begin, b + begin) for a, b in record.heats])
        _count(score, shifted, judge([*alone, *mixed]))
    print(
        f"\npower@900s, {power / 1e3:.0f} kW in the steel plant's nights: {told(score)}; {score.alerts} before it began"
    )


def test_cost() -> None:
    """CPU of a sample at 1 Hz."""
    site = Site("cost", 1, legal("workshop", 1, 0.25).loads, 0.25)
    samples = list(play(site, step=1.0).samples("thd", 1))
    begun = time.process_time()
    judge(samples)
    print(f"\n{(time.process_time() - begun) / len(samples) * 1e6:.1f} µs a sample at 1 Hz")
