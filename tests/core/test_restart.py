"""The restart detector, on streams made by hand."""

import math
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.detect.deadline import DeadLineLimits, energised, seen
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.restart import RestartState, SealedLine, condition, restore, save, step
from stillcold_core.readings import Absence, Sample, Value

LINE = SealedLine("site", "line", DeadLineLimits(rated_power=750e3))
RNG = random.Random(7)


def dead(_time: float, voltage: float = 0.0) -> dict[str, Value]:
    """A dead line behind a 2000 A current transformer of class 0.5, with its noise."""
    values: dict[str, Value] = {f"current_l{p}": abs(RNG.gauss(0, 1.5)) for p in (1, 2, 3)}
    values |= {f"voltage_l{p}": voltage for p in (1, 2, 3)}
    return values | {"active_power": RNG.gauss(0, 300), "active_energy_import": 5_009_660e3}


def stream(
    make: Callable[[float], dict[str, Value]], start: float = 0.0, stop: float = 60.0, every: float = 1.0
) -> list[Sample]:
    """Samples of one point at a steady cadence."""
    return [Sample("p", t, make(t)) for t in (start + i * every for i in range(round((stop - start) / every)))]


def run(samples: Iterable[Sample], line: SealedLine = LINE) -> tuple[RestartState, list[Finding]]:
    """All findings of a stream."""
    state, findings = RestartState(), []
    for sample in samples:
        state, found = step(line, state, sample)
        findings += found
    return state, findings


def raised(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The findings that began something, by kind."""
    return {f.kind: f for f in findings if f.ended is None}


def with_power(watts: float, energy: float = 5_009_660e3) -> dict[str, Value]:
    """A line that takes power at 220 V."""
    amps = watts / 660
    values: dict[str, Value] = {"active_power": watts, "active_energy_import": energy}
    values |= {f"voltage_l{p}": 220.0 for p in (1, 2, 3)}
    return values | {f"current_l{p}": amps for p in (1, 2, 3)}


@pytest.mark.requirement("restart.dead-line.silent")
def test_a_dead_line_with_noise_is_dead_and_raises_nothing() -> None:
    state, findings = run(stream(dead, stop=3600))
    assert findings == []
    assert condition(state, 3600) == "dead"
    presence = state.points["p"].presence
    assert presence.dead_s == pytest.approx(3599)
    assert presence.live_s == presence.unknown_s == 0


@pytest.mark.requirement("restart.dwell")
def test_a_hard_restart_is_found_at_the_first_sample_after_the_dwell() -> None:
    samples = stream(dead, stop=60) + stream(lambda t: with_power(15e3), start=60, stop=90)
    found = raised(run(samples)[1])
    assert set(found) == {"restart.power", "restart.current", "restart.voltage"}
    assert all((f.began, f.detected) == (60, 65) for f in found.values())


@pytest.mark.requirement("restart.dwell")
def test_readings_that_come_a_little_early_do_not_put_the_alert_off_by_one() -> None:
    samples = stream(dead, stop=60) + stream(lambda t: with_power(15e3), start=60, stop=90, every=0.9998)
    assert raised(run(samples)[1])["restart.power"].detected == pytest.approx(65, abs=0.01)


@pytest.mark.parametrize("every", [1, 10, 60, 300, 900])
@pytest.mark.requirement("restart.cadence")
def test_a_restart_is_found_at_the_second_sample_of_a_slow_meter(every: float) -> None:
    samples = stream(dead, stop=100 * every, every=every)
    samples += stream(lambda t: with_power(600e3), start=100 * every, stop=120 * every, every=every)
    found = raised(run(samples)[1])["restart.power"]
    assert found.detected - found.began == max(every, 5)


@pytest.mark.requirement("restart.single-bad-reading")
@pytest.mark.parametrize("quantity", ["active_power", "current_l2", "voltage_l1", "active_energy_import"])
@pytest.mark.parametrize("value", [0.0, 123_456_789.0, 5_009_660e3 + 2_000, 5_009_660e3 + 65_536_000, 1.0])
@pytest.mark.parametrize("every", [1, 60, 900])
def test_one_bad_reading_is_no_restart(quantity: str, value: float, every: float) -> None:
    samples = stream(dead, stop=100 * every, every=every)
    spoiled = dict(samples[50].values) | {quantity: value}
    samples[50] = Sample("p", samples[50].time, spoiled)
    assert run(samples)[1] == []


@pytest.mark.requirement("restart.absent-is-not-zero")
def test_missing_values_prove_nothing() -> None:
    def silent(_time: float) -> dict[str, Value]:
        return dict.fromkeys(dead(0), Absence.TIMEOUT)

    state, findings = run(stream(dead, stop=60) + stream(silent, start=60, stop=120))
    assert findings == []
    assert condition(state, 119) == "unknown"
    assert state.points["p"].presence.unknown_s == pytest.approx(60)


@pytest.mark.requirement("restart.blackout")
def test_a_run_hidden_in_a_blackout_is_found_at_the_first_sample_back() -> None:
    def after(_time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": 5_009_660e3 + 460e3}

    found = run(stream(dead, stop=600) + stream(after, start=8000, stop=8060))[1]
    assert [(f.kind, f.began, f.detected) for f in found] == [("restart.energy", 599, 8000)]
    assert found[0].evidence["advanced"] == 460e3


def test_zeros_of_a_meter_that_starts_up_do_not_hide_what_ran_in_the_blackout() -> None:
    def zeros(_time: float) -> dict[str, Value]:
        return {"active_power": 0.0, "active_energy_import": 0.0}

    def after(_time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": 5_009_660e3 + 460e3}

    samples = stream(dead, stop=60) + stream(zeros, start=8000, stop=8005) + stream(after, start=8005, stop=8060)
    assert [f.kind for f in run(samples)[1]] == ["restart.energy"]


@pytest.mark.requirement("restart.rollover")
def test_a_register_that_rolls_over_is_no_restart() -> None:
    top = 999_999.99e3

    def rolling(time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": (top + time * 0.05) % 1e9}

    assert run(stream(rolling, stop=3600))[1] == []


@pytest.mark.requirement("restart.rollover")
def test_a_run_over_a_roll_over_hidden_in_a_blackout_is_found() -> None:
    def before(_time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": 9_999_800e3}

    def after(_time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": 260e3}

    (found,) = run(stream(before, stop=600) + stream(after, start=8000, stop=8060))[1]
    assert (found.kind, found.evidence["advanced"]) == ("restart.energy", 460e3)


@pytest.mark.requirement("restart.frozen")
def test_a_run_behind_a_frozen_meter_is_found_when_it_is_set_free() -> None:
    def after(time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": 5_009_660e3 + 58e3}

    found = run(stream(dead, stop=600) + stream(after, start=600, stop=660))[1]
    assert [(f.kind, f.detected) for f in found] == [("restart.energy", 601)]


def test_a_meter_changed_for_one_that_has_counted_more_is_no_restart() -> None:
    def after(time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": 9_000_000e3}

    assert run(stream(dead, stop=600) + stream(after, start=600, stop=660))[1] == []


def test_standby_lighting_is_tolerated_and_a_hidden_small_load_is_not() -> None:
    def load(watts: float) -> Callable[[float], dict[str, Value]]:
        return lambda t: dead(0) | {"active_energy_import": 5e9 + math.floor(watts * t / 3600 / 10) * 10}

    assert run(stream(load(500), stop=24 * 3600, every=60))[1] == []
    assert set(raised(run(stream(load(5000), stop=3 * 3600, every=60))[1])) == {"restart.energy"}


@pytest.mark.requirement("restart.voltage.cut-off-only")
def test_voltage_in_front_of_the_cut_proves_nothing() -> None:
    samples = stream(lambda t: dead(t, 220.0), stop=60) + stream(dead, start=60, stop=600)
    samples += stream(lambda t: dead(t, 220.0), start=600, stop=700)
    state, findings = run(samples)
    assert findings == []
    assert condition(state, 699) == "dead"


def test_voltage_behind_the_cut_is_a_restart_before_any_load() -> None:
    state, findings = run(stream(dead, stop=60) + stream(lambda t: dead(t, 220.0), start=60, stop=70))
    assert set(raised(findings)) == {"restart.voltage"}
    assert condition(state, 69) == "live"


def test_a_reversed_current_transformer_hides_nothing() -> None:
    samples = stream(dead, stop=60) + stream(lambda t: {"active_power": -600e3}, start=60, stop=70)
    assert set(raised(run(samples)[1])) == {"restart.power"}


@pytest.mark.requirement("restart.end")
def test_a_restart_ends_when_the_line_has_been_still_for_the_off_delay() -> None:
    samples = stream(dead, stop=60) + stream(lambda t: with_power(600e3), start=60, stop=120)
    samples += stream(dead, start=120, stop=300)
    ends = {f.kind: f.ended for f in run(samples)[1] if f.ended is not None}
    assert ends == {"restart.power": 120, "restart.current": 120, "restart.voltage": 120}


@pytest.mark.requirement("restart.unknown-is-not-dead")
def test_a_line_that_falls_silent_is_unknown_and_the_gap_is_counted_so() -> None:
    state, _ = run(stream(dead, stop=60))
    assert condition(state, 60) == "dead"
    assert condition(state, 600) == "unknown"
    state, _ = run(stream(dead, stop=60) + stream(dead, start=600, stop=660))
    presence = state.points["p"].presence
    assert presence.unknown_s == pytest.approx(541)
    assert presence.dead_s == pytest.approx(59 + 59)


def test_late_and_double_samples_are_left_aside_and_counted() -> None:
    samples = stream(dead, stop=60)
    state, _ = run([*samples, samples[30], samples[-1]])
    assert state.late == 2


def test_samples_before_the_sealing_are_not_judged() -> None:
    line = SealedLine("site", "line", LINE.limits, sealed_at=100.0)
    state, findings = run(stream(lambda t: with_power(600e3), stop=100), line)
    assert (findings, state) == ([], RestartState())


VALUES = st.one_of(
    st.sampled_from(list(Absence)), st.sampled_from([0.0, 50.0, 5e3, 9e3, 600e3, -600e3, 5e9, 5e9 + 3e3])
)
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([1.0, 1.0, 1.0, 60.0, 900.0, 86400.0, 0.0, -5.0]),
        st.dictionaries(
            st.sampled_from(["active_power", "current_l1", "voltage_l1", "active_energy_import"]), VALUES, max_size=4
        ),
    ),
    max_size=60,
)


@pytest.mark.requirement("restart.contract")
@settings(max_examples=200, deadline=None)
@given(SAMPLES, st.integers(0, 60))
def test_cutting_the_stream_and_moving_the_state_changes_nothing(
    moves: list[tuple[float, dict[str, Value]]], cut: int
) -> None:
    """Deterministic, input untouched, and a saved state goes on as if nothing had happened."""
    time, samples = 1e9, []
    for seconds, values in moves:
        time += seconds
        samples.append(Sample("p", time, values))
    whole, findings = run(samples)
    state, parts = run(samples[:cut])
    before = save(state)
    state = restore(before)
    for sample in samples[cut:]:
        state, found = step(LINE, state, sample)
        parts += found
    assert (state, parts) == (whole, findings)
    assert restore(before) == run(samples[:cut])[0]


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99"):
        restore(save(RestartState(version=99)))
    with pytest.raises(ValueError, match="not a state"):
        restore(b"\xff")


@pytest.mark.parametrize(
    ("values", "before", "reason"),
    [
        ({"active_power": 8e3}, None, "power"),
        ({"active_power": 7e3}, None, None),
        ({"active_power_l1": 4e3, "active_power_l2": -4e3}, None, "power"),
        ({"current_l2": 12.0}, None, "current"),
        ({"voltage_l12": 380.0}, None, "voltage"),
        ({"active_energy_import": 2e3}, 0.0, "energy"),
        ({"active_energy_import": 2e3}, None, None),
        ({"active_power": Absence.TIMEOUT}, None, None),
    ],
)
def test_the_edge_names_what_shows_life(values: dict[str, Value], before: float | None, reason: str | None) -> None:
    assert energised(seen(Sample("p", 0.0, values)), LINE.limits, before) == reason


@pytest.mark.requirement("restart.single-bad-reading")
def test_a_bad_register_tells_nothing_of_its_steps() -> None:
    """Lamps advance a register of 1 kWh by a step; a bad reading soon after does not make a restart of it."""

    def lit(time: float) -> dict[str, Value]:
        return dead(0) | {"active_energy_import": 5e9 + 1000 * (time >= 3000) + 65_536 * (time == 3120)}

    assert run(stream(lit, stop=7200, every=60))[1] == []
