"""Heats whose rise and plateau are hidden among drives and motors, found by their end."""

import math
import random
from collections.abc import Callable, Iterator

import pytest

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.furnace import Feeder, FurnaceState, step
from stillcold_core.readings import Absence, Sample
from support.said import first_said

FEEDER = Feeder("site", "line", "p")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
NIGHT = 3 * DAY + 21 * HOUR
"""s at which the first heat begins."""
Load = Callable[[float], tuple[float, float]]
"""W at a moment, and VA of distortion that each of them brings."""


def drive(power: float, period: float, phase: float) -> Load:
    """A drive whose speed wanders day and night."""

    def load(time: float) -> tuple[float, float]:
        swing = math.sin(2 * math.pi * time / period + phase) + 0.6 * math.sin(2 * math.pi * time / 1777.0 + 3 * phase)
        share = (0.82 + 0.06 * swing) ** 3
        return power * share, 0.34 * (1 + 0.5 * (1 - share))

    return load


def motor(time: float) -> tuple[float, float]:
    """A compressor that is loaded and unloaded in turn, a larger one while the shop works."""
    power = 400e3 if 7 <= time % DAY / HOUR < 19 else 90e3
    return power if (time + 200) % 840 < 480 else power / 3, 0.03


def heats(count: int, *, pulses: int = 12, ramp: float = 1200.0, power: float = 400e3) -> Load:
    """Heats of 65 min with 9 min of tap, turned up in eight steps over ``ramp`` s."""

    def load(time: float) -> tuple[float, float]:
        number, age = divmod(time - NIGHT, 74 * MINUTE)
        if not 0 <= number < count or age >= 65 * MINUTE:
            return 0.0, 0.0
        return power * min(1.0, (1 + 8 * age // ramp) / 8 if ramp else 1.0), 0.13 if pulses == 12 else 0.28

    return load


def feeder(*loads: Load, hours: float, every: float = 60.0) -> Iterator[Sample]:
    """What a meter shows of loads, by the summation law of harmonics of IEC TR 61000-3-6."""
    rng = random.Random(8)
    for i in range(1, round(hours * HOUR / every) + 1):
        each = [(40e3, 0.03), *(load(i * every) for load in loads)]
        power = sum(p for p, _ in each) * (1 + 0.003 * rng.gauss(0, 1))
        distortion = sum((p * ratio) ** 1.4 for p, ratio in each) ** (1 / 1.4)
        values = {
            "active_power": power, "reactive_power": 0.3 * power,
            "current_thd_l1": 100 * distortion / math.hypot(power, 0.3 * power),
        }  # fmt: skip
        yield Sample("p", i * every, values)


def raised(samples: Iterator[Sample]) -> list[Finding]:
    """What was said of furnaces, as it was said first."""
    return first_said(_all(samples))


def _all(samples: Iterator[Sample]) -> list[Finding]:
    state, findings = FurnaceState(), []
    for sample in samples:
        state, found = step(FEEDER, state, sample)
        findings += found
    return findings


DRIVES = (drive(380e3, 5100.0, 0.4), drive(340e3, 3900.0, 2.0), motor)


@pytest.mark.requirement("furnace.end-alone")
@pytest.mark.parametrize(("ramp", "every"), [(0.0, 60.0), (1200.0, 60.0), (1200.0, 61.0)])
def test_a_heat_that_drives_of_its_own_size_hide_is_found_as_it_ends(ramp: float, every: float) -> None:
    found = raised(feeder(*DRIVES, heats(1, ramp=ramp), hours=95, every=every))
    assert [f.kind for f in found] == ["furnace.induction"]
    end = NIGHT + 65 * MINUTE
    assert end < found[0].detected <= end + 3 * MINUTE
    assert found[0].evidence["active_power"] == pytest.approx(400e3, rel=0.1)
    assert found[0].evidence["distortion_ratio"] == pytest.approx(0.13, rel=0.15)
    assert found[0].evidence.get("weight_equal_edges", 0.0) == (0.0 if ramp else 1.0)


@pytest.mark.requirement("furnace.end-alone")
def test_a_heat_that_its_shape_tells_too_is_counted_once() -> None:
    said = _all(feeder(drive(150e3, 5100.0, 0.4), heats(4, pulses=6, ramp=0.0), hours=100))
    assert [f.evidence["heats"] for f in said][-1] == 4
    assert said[-1].evidence["energy"] == pytest.approx(4 * 400e3 * 65 / 60, rel=0.1)


@pytest.mark.requirement("furnace.end-alone")
def test_drives_that_stop_together_every_evening_are_no_furnace() -> None:
    def until_seven(load: Load) -> Load:
        return lambda t: load(t) if 8 <= t % DAY / HOUR < 19 else (0.0, 0.0)

    stopped = [until_seven(load) for load in DRIVES]
    assert raised(feeder(*stopped, hours=7 * 24)) == []


@pytest.mark.requirement("furnace.end-alone")
def test_passes_of_a_mill_are_no_furnace() -> None:
    rng = random.Random(4)
    passes = {i: rng.choice([0.1, 0.1, 0.6, 1.0]) for i in range(7 * 24 * 60 + 1)}

    def mill(time: float) -> tuple[float, float]:
        works = time > 2.5 * DAY and 6 <= time % DAY / HOUR < 22
        return (900e3 * passes[int(time // 60)], 0.27) if works else (0.0, 0.0)

    assert raised(feeder(drive(120e3, 5100.0, 0.4), mill, hours=7 * 24)) == []


@pytest.mark.requirement("furnace.end-alone")
def test_one_end_tells_nothing_on_a_feeder_that_is_not_known() -> None:
    def day_of(load: Load) -> Load:
        return lambda t: load(t + NIGHT - 12 * HOUR)

    assert raised(feeder(*(day_of(load) for load in (*DRIVES, heats(1, ramp=0.0))), hours=15)) == []


@pytest.mark.requirement("furnace.absent-is-not-zero")
def test_a_meter_that_shows_no_distortion_switches_nothing_off() -> None:
    def blind(sample: Sample) -> Sample:
        at = NIGHT + 50 * MINUTE
        gone = at < sample.time < at + 6 * MINUTE
        return Sample("p", sample.time, dict(sample.values) | {"current_thd_l1": Absence.TIMEOUT}) if gone else sample

    def on(time: float) -> tuple[float, float]:
        return (400e3, 0.13) if time >= NIGHT else (0.0, 0.0)

    assert raised(blind(s) for s in feeder(*DRIVES, on, hours=95)) == []
