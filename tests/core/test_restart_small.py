"""What adds up below the floor of a sealed line, and what must not: on meters as the field has them."""

import numpy as np
import pytest

from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.restart import RestartState, SealedLine, advance
from stillcold_core.samples import Floats, Samples
from support.dead_lines import DAY, VIEWS, DeadLine, Load, dead_line, lamps, recording, view

RATED = 750e3
LINE = SealedLine("site", "line", DeadLineLimits(RATED, power_cut=False))
QUIET = DeadLine(7, RATED, noise=0.001, current_step=0.1, power_step=10.0, energy_step=10.0, drift=2e-4, behind=False)
HOUR = 3600.0


def found(samples: Samples, line: SealedLine = LINE) -> list[Finding]:
    """What is found in samples."""
    return advance(line, RestartState(), samples)[1]


def first(samples: Samples, line: SealedLine = LINE) -> Finding:
    """The finding that came first."""
    return min((f for f in found(samples, line) if f.ended is None), key=lambda f: f.detected)


def power(values: Floats, every: float) -> Samples:
    """A meter that shows power alone."""
    times = np.arange(0.0, len(values)) * every
    return Samples("p", times, {"active_power": values}, np.zeros(len(values)))


@pytest.mark.requirement("restart.small-load")
@pytest.mark.parametrize("every", [1.0, 10.0, 60.0, 900.0])
@pytest.mark.parametrize("shows", ["power", "currents"])
def test_a_small_load_that_stays_is_found_below_the_floor(every: float, shows: str) -> None:
    begin = max(2 * HOUR, 30 * every)
    load = Load(begin, begin + max(HOUR, 10 * every), 0.006)
    samples = view(recording(QUIET, every, load.end + HOUR, [load], begin=0.0), shows)
    finding = first(samples)
    assert finding.kind == {"power": "restart.power", "currents": "restart.current"}[shows]
    assert abs(finding.began - begin) <= max(60, 2 * every)
    assert finding.detected - begin <= max(15 * 60, 6 * every)
    assert "accumulated" in finding.evidence
    ends = [f.ended for f in found(samples) if f.ended is not None]
    assert ends == pytest.approx([load.end], abs=max(60, 2 * every))


@pytest.mark.requirement("restart.creep")
@pytest.mark.parametrize("every", [1.0, 10.0, 60.0, 900.0])
def test_creep_to_three_percent_in_six_hours_is_found_long_before_and_not_learned(every: float) -> None:
    begin = max(2 * HOUR, 30 * every)
    load = Load(begin, begin + 6 * HOUR, 0.03, ramp=6 * HOUR)
    for shows in ("power", "currents", "energy"):
        samples = view(recording(QUIET, every, load.end, [load], begin=0.0), shows)
        assert first(samples).detected - begin < 2 * HOUR, shows


@pytest.mark.requirement("restart.burst")
@pytest.mark.parametrize("every", [1.0, 10.0, 60.0])
def test_a_minute_at_two_percent_of_the_rating_is_found(every: float) -> None:
    begin = 2 * HOUR + 0.4 * every
    samples = recording(QUIET, every, 3 * HOUR, [Load(begin, begin + 60, 0.02)], begin=0.0)
    for shows in ("all", "power, energy"):
        assert first(view(samples, shows)).detected - begin <= max(10, 2 * every), shows


@pytest.mark.requirement("restart.burst")
def test_a_minute_between_readings_of_a_quarter_of_an_hour_is_found_by_the_register() -> None:
    begin = 30 * 900 + 400.0
    samples = view(recording(QUIET, 900.0, begin + 2 * HOUR, [Load(begin, begin + 60, 0.05)], begin=0.0), "energy")
    assert first(samples).detected - begin <= 1800


@pytest.mark.requirement("restart.single-bad-reading")
@pytest.mark.parametrize("every", [1.0, 60.0, 900.0])
def test_a_bad_reading_that_no_register_follows_is_none(every: float) -> None:
    samples = recording(QUIET, every, 200 * every, [], bad=False)
    samples.columns["active_power"][100:160:20] = 900e3
    samples.columns["active_power"][105:165:20] = 0.9 * LINE.limits.power
    assert found(samples) == []


@pytest.mark.requirement("restart.lamps")
@pytest.mark.parametrize("every", [10.0, 60.0, 900.0])
@pytest.mark.parametrize("number", range(1, 4))
def test_lamps_noise_dips_drift_and_displays_raise_nothing(number: int, every: float) -> None:
    line, seconds = dead_line(number), {10.0: 2 * DAY, 60.0: 10 * DAY, 900.0: 60 * DAY}[every]
    working = [*lamps(line, seconds), Load(8 * HOUR, 16 * HOUR, 900 / line.rated, phases=1)]
    samples = recording(line, every, seconds, working)
    assert [(shows, f) for shows in VIEWS for f in found(view(samples, shows), line.sealed)] == []


@pytest.mark.requirement("restart.noise")
def test_noise_that_grows_with_voltage_is_learned_for_itself() -> None:
    """Months without voltage do not make the grid's return a restart."""
    rng = np.random.default_rng(3)
    volts = np.where(np.arange(3000) // 500 % 2, 225.0, 0.0)
    amps = np.abs(rng.normal(0, np.where(volts > 0, 4.0, 0.05)))
    columns = {"current_l1": amps, "voltage_l1": volts}
    times = np.arange(0.0, 3000.0) * 60
    assert found(Samples("p", times, columns, np.zeros(3000))) == []


@pytest.mark.requirement("restart.noise")
@pytest.mark.parametrize("every", [1.0, 60.0, 900.0])
def test_clamps_that_stand_above_the_floor_are_no_load_as_long_as_no_power_flows(every: float) -> None:
    rng = np.random.default_rng(4)
    amps = np.abs(rng.normal(1.2, 0.03, 500)) * LINE.limits.current
    clamps = {"current_l1": amps, "current_l2": amps, "current_l3": amps}
    times, none = np.arange(500.0) * every, np.zeros(500)
    assert found(Samples("p", times, {**clamps, "active_power": np.abs(rng.normal(0, 30, 500))}, none)) == []
    assert [f.kind for f in found(Samples("p", times, clamps, none))] == ["restart.current"]


@pytest.mark.requirement("restart.noise")
@pytest.mark.parametrize("step", [1.0, 400.0, 1000.0])
def test_a_display_that_steps_is_no_load(step: float) -> None:
    """A reading that has always been at rest goes up by one step of the display and stays there."""
    values = np.where(np.arange(2000) < 1000, 0.0, step)
    assert found(power(values, 60.0)) == []


def test_a_load_that_grows_over_the_floor_is_the_same_finding() -> None:
    values = np.concatenate((np.zeros(200), np.full(100, 5e3), np.full(100, 600e3), np.zeros(100)))
    findings = [f for f in found(power(values, 60.0)) if f.kind == "restart.power"]
    assert len({f.id for f in findings}) == 1
    assert ["accumulated" in f.evidence for f in findings[:2]] == [True, False]
    assert [f.ended for f in findings] == [None, None, 400 * 60.0]


def test_a_load_that_outlives_the_memory_is_not_taken_for_noise() -> None:
    values = np.concatenate((np.zeros(200), np.full(3 * 1440, 5e3)))
    assert [f.ended for f in found(power(values, 60.0))] == [None]
