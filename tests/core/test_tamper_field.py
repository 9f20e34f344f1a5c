"""Tampering at points of other people's meters: coarse digits, few quantities, lines that generate."""

import random
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper import fleet
from stillcold_core.detect.tamper.fleet import Fleet, FleetState
from stillcold_core.detect.tamper.point import PointState, advance
from stillcold_core.detect.tamper.watched import WatchedPoint
from stillcold_core.samples import Floats, Samples

WATCHED = WatchedPoint("site", "line", rated_power=750e3)
Columns = dict[str, Floats]
DAY = 86_400.0
HEAT = 9000.0


def steps(count: int, every: float) -> Floats:
    """Times at a steady cadence."""
    return np.array([every * i for i in range(count)])


def furnace(every: float, days: float, *, digits: int = 0, noise: float = 0.0) -> tuple[Floats, Columns]:
    """Heats of 90 min, read by a meter that shows 1 V, three like phases and no frequency."""
    rng = np.random.default_rng(5)
    times = steps(int(days * DAY / every), every)
    power = np.where(times % HEAT < 0.6 * HEAT, 700e3 * (1 + rng.normal(0, noise, len(times))), 0.0)
    energy = np.concatenate(([0.0], np.cumsum((power[1:] + power[:-1]) / 2 * every / 3600)))
    volts: Floats = np.round(225 + rng.normal(0, 1.5, len(times)) - power / 200e3, digits)
    columns = {f"voltage_l{i}": volts.copy() for i in (1, 2, 3)}
    columns |= {f"current_l{i}": np.round(power / 3 / 225 / 0.95, 1) for i in (1, 2, 3)}
    columns |= {
        "active_power": np.asarray(np.round(power), np.float64),
        "active_energy_import": np.floor(energy / 10) * 10 + 3e8,
    }
    return times, columns


def found(times: Floats, columns: Mapping[str, Floats], watched: WatchedPoint = WATCHED) -> list[Finding]:
    """What began, of a stream in pieces of 500."""
    state, findings = PointState(), list[Finding]()
    samples = Samples("p", times + 1e9, columns, np.zeros(len(times)))
    for first in range(0, len(times), 500):
        state, said = advance(watched, state, samples.part(first, min(first + 500, len(times))))
        findings += said
    return [f for f in findings if f.ended is None]


@pytest.mark.requirement("tamper.honest")
@pytest.mark.parametrize("every", [10, 60, 900])
@pytest.mark.parametrize("shown", ["all", "active_power", "current", "voltage_l1"])
def test_coarse_meters_and_those_that_show_little_raise_nothing(every: float, shown: str) -> None:
    times, columns = furnace(every, 1.5 if every < 900 else 20)
    assert found(times, {q: v for q, v in columns.items() if shown == "all" or q.startswith(shown)}) == []


@pytest.mark.requirement("tamper.honest")
@pytest.mark.parametrize("volts", [0.0, 230.0, float("nan")])
def test_a_dead_line_of_constants_raises_nothing(volts: float) -> None:
    names = [f"{q}_l{i}" for q in ("voltage", "current") for i in (1, 2, 3)]
    columns = {q: np.full(3000, volts if q.startswith("volt") else 0.0) for q in names}
    columns |= {"active_power": np.zeros(3000), "frequency": np.full(3000, 50.0)}
    assert found(steps(3000, 60), columns | {"active_energy_import": np.full(3000, 5e8)}) == []


@pytest.mark.requirement("tamper.honest")
def test_a_day_that_repeats_without_any_noise_is_no_replay() -> None:
    times = steps(96 * 20, 900)
    power = np.round(200e3 * (1.2 + np.sin(times / DAY * 2 * np.pi)))
    assert found(times, {"active_power": power, "voltage_l1": np.round(225 - power / 200e3, 1)}) == []


@pytest.mark.requirement("tamper.frozen")
@pytest.mark.parametrize("every", [10, 60, 900])
def test_a_coarse_meter_frozen_under_load_is_found_by_its_register(every: float) -> None:
    times, columns = furnace(every, 2)
    at = int(np.flatnonzero(times >= DAY + 3 * HEAT - DAY % HEAT + 1800)[0])
    frozen = {q: np.where(np.arange(len(v)) < at, v, v[at]) for q, v in columns.items()}
    first = found(times, frozen)[0]
    assert (first.kind, first.began) == ("tamper.frozen", times[at] + 1e9)
    assert first.detected - first.began <= max(1200, 4 * every)


@pytest.mark.requirement("tamper.rollback")
def test_a_register_set_back_by_what_it_counts_in_minutes_is_found() -> None:
    times, columns = furnace(10, 0.5)
    columns["active_energy_import"][2000:] -= 20e3
    assert [f.kind for f in found(times, columns)] == ["tamper.rollback"]


@pytest.mark.requirement("tamper.single-bad-reading")
@pytest.mark.parametrize("load", [0.0, 1.0])
@pytest.mark.parametrize("high", [655.36e3, 1e6])
def test_a_bad_reading_that_the_line_could_have_taken_is_followed_by_no_rollback(load: float, high: float) -> None:
    times, columns = furnace(900, 4)
    columns["active_energy_import"] = np.floor(load * (columns["active_energy_import"] - 3e8)) + 772_278e3
    columns["active_energy_import"][[120, 260]] += high
    assert found(times, {"active_energy_import": columns["active_energy_import"]}) == []


@pytest.mark.requirement("tamper.ratio")
@pytest.mark.parametrize(("factor", "said"), [(0.5, ["tamper.ratio"]), (2.0, ["tamper.ratio"]), (0.95, [])])
def test_power_that_does_not_fit_the_register_any_more_is_found_every_quarter_of_an_hour(
    factor: float, said: list[str]
) -> None:
    times, columns = furnace(900, 12, noise=0.01)
    for quantity in ("active_power", "current_l1", "current_l2", "current_l3"):
        columns[quantity][len(times) // 2 :] *= factor
    assert [f.kind for f in found(times, columns)] == said


@pytest.mark.requirement("tamper.honest")
def test_a_compressor_whose_cycle_divides_the_interval_has_no_wrong_ratio() -> None:
    times = steps(96 * 20, 900)
    power = 90e3 * (1 + np.random.default_rng(3).normal(0, 0.01, len(times)))
    power[len(times) // 2 :] /= 3  # the clock drifted, and now it is seen at rest
    assert found(times, {"active_power": power, "active_energy_import": 5e8 + np.floor(66e3 * times / 3600)}) == []


@pytest.mark.requirement("tamper.ct.generates")
@pytest.mark.parametrize("tells", ["register", "beginning"])
def test_a_line_that_generates_may_give_power_back(tells: str) -> None:
    times = steps(2000, 60)
    sun = np.sin(times / DAY * 2 * np.pi + (1 if tells == "beginning" else -1))
    power = 50e3 - 300e3 * np.maximum(sun, 0)
    columns = {"active_power": power, **{f"active_power_l{i}": power / 3 for i in (1, 2, 3)}}
    if tells == "register":
        columns["active_energy_export"] = np.full(len(times), 7e6)
    assert found(times, columns) == []
    assert {f.kind for f in found(times, {"active_power": np.where(times < 60_000, 300e3, -300e3)})} == {"tamper.ct"}


@pytest.mark.requirement("tamper.genset")
@pytest.mark.parametrize("sites", [("s", "s"), ("s", "s", "s", "t")])
def test_a_whole_site_on_one_set_is_found(sites: tuple[str, ...]) -> None:
    """Its points agree with each other; the nominal frequency and the other site do not."""
    rng, points = random.Random(3), {f"p{i}": (site, f"l{i}") for i, site in enumerate(sites)}
    state, findings = FleetState(), list[Finding]()
    wander: Callable[[int], float] = lambda n: 0.5 if n > 300 else 0.0  # noqa: E731
    for n in range(600):
        for p, (site, _) in points.items():
            shown = 50 + (wander(n) if site == "s" else 0.0) + rng.gauss(0, 0.02)
            sample = Samples(p, np.array([60.0 * n]), {"frequency": np.array([shown])}, np.zeros(1))
            state, said = fleet.advance(Fleet(points), state, sample)
            findings += said
    assert {f.point for f in findings} == {p for p, (site, _) in points.items() if site == "s"}


def mill(every: float, days: float) -> tuple[Floats, Columns]:
    """A mill of bursts, of which the meter shows the mean power of each interval and the currents of a moment."""
    rng = np.random.default_rng(7)
    times = steps(int(days * DAY / every), every)
    power = 1e6 * np.where(rng.random((len(times), 30)) < 0.4, rng.uniform(0.5, 1, (len(times), 30)), 0.15)
    volts = np.round(225 + rng.normal(0, 1.5, len(times)), 1)
    moment = np.round(power[:, -1] / 3 / 225 / 0.82, 1)
    columns = {f"voltage_l{i}": volts for i in (1, 2, 3)} | {f"current_l{i}": moment for i in (1, 2, 3)}
    return times, columns | {"active_power": np.round(power.mean(1)), "power_factor": np.full(len(times), 0.82)}


@pytest.mark.requirement("tamper.honest")
@pytest.mark.parametrize("every", [300, 900])
def test_the_mean_power_of_a_load_that_swings_contradicts_no_current_of_a_moment(every: float) -> None:
    assert found(*mill(every, 20), WatchedPoint("site", "line", rated_power=2e6)) == []


@pytest.mark.requirement("tamper.ct")
@pytest.mark.parametrize("every", [60, 300, 900])
def test_a_reversed_transformer_is_found_by_a_meter_that_shows_only_the_sum_of_powers(every: float) -> None:
    times, columns = furnace(every, 4)
    columns["reactive_power"] = np.asarray(0.33 * columns["active_power"])
    for quantity in ("active_power", "reactive_power"):
        columns[quantity][len(times) // 2 :] /= 3
    first = found(times, {q: v for q, v in columns.items() if q != "active_energy_import"})[0]
    assert (first.kind, first.point) == ("tamper.ct", "p")
    assert first.detected - 1e9 - 2 * DAY <= max(HEAT, 48 * every)


@pytest.mark.requirement("tamper.honest")
def test_a_compressor_that_is_seen_at_rest_for_days_shows_no_power_without_current() -> None:
    times, columns = furnace(900, 20)
    mean, loaded = 200e3, times < 8 * DAY
    columns = {q: v for q, v in columns.items() if q.startswith("volt")} | {"active_power": np.full(len(times), mean)}
    columns |= {f"current_l{i}": np.where(loaded, 330.0, 110.0) for i in (1, 2, 3)}
    columns |= {"power_factor": np.full(len(times), 0.88)}
    assert [f for f in found(times, columns) if f.kind == "tamper.ct"] == []


@pytest.mark.requirement("tamper.honest")
@pytest.mark.parametrize("every", [30, 60])
def test_welders_on_two_phases_of_a_balanced_line_are_no_transformer_that_was_shorted(every: float) -> None:
    rng = np.random.default_rng(11)
    times = steps(int(12 * DAY / every), every)
    day = (times % DAY > DAY / 3) & (times % DAY < 2 * DAY / 3)
    base = 260 * (1 + 0.15 * np.sin(times / 3000)) * rng.normal(1, 0.01, len(times))
    spared = rng.integers(0, 3, len(times))
    welded = np.where(day & (rng.random(len(times)) < 0.8), 250.0, 0.0)
    amperes = {f"current_l{i + 1}": base + np.where(spared == i, 0.0, welded) for i in range(3)}
    assert found(times, amperes | {f"voltage_l{i}": 225 + rng.normal(0, 1, len(times)) for i in (1, 2, 3)}) == []
