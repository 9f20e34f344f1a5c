"""Tampering at one point, on streams made by hand."""

import dataclasses
import random
from collections.abc import Callable, Iterable
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.point import PointState, advance, restore, save, step
from stillcold_core.detect.tamper.watched import WatchedPoint
from stillcold_core.readings import Absence, Sample, Value
from stillcold_core.samples import by_columns
from support.plants import real_furnace

REGISTER = "active_energy_import"
WATCHED = WatchedPoint("site", "line", rated_power=500e3)
Make = Callable[[float], dict[str, Value]]


def honest(seed: int = 7, power: float = 360e3, volts: float = 220.0, digits: int = 1) -> Make:
    """A meter that tells what is: three phases at 0.1 V and 0.01 Hz, a register in steps of 10 Wh."""
    rng = random.Random(seed)

    def make(time: float) -> dict[str, Value]:
        values: dict[str, Value] = {f"voltage_l{i}": round(rng.gauss(volts, 1.0), digits) for i in (1, 2, 3)}
        amps = power / 3 / volts
        values |= {f"current_l{i}": amps * rng.uniform(0.98, 1.02) for i in (1, 2, 3)}
        values |= {f"active_power_l{i}": power / 3 for i in (1, 2, 3)}
        energy = 5e8 + round(power * time / 3600 / 10) * 10
        gauges = {"active_power": power, "reactive_power": 0.2 * power, "frequency": round(rng.gauss(50, 0.02), 2)}
        return values | gauges | {"active_energy_import": energy}

    return make


def stream(make: Make, start: float = 0.0, stop: float = 7200.0, every: float = 60.0) -> list[Sample]:
    """Samples of one point at a steady cadence."""
    return [Sample("p", t, make(t)) for t in (start + i * every for i in range(round((stop - start) / every)))]


def run(samples: Iterable[Sample], watched: WatchedPoint = WATCHED) -> tuple[PointState, list[Finding]]:
    """All findings of a stream."""
    state, findings = PointState(), []
    waiting = iter(samples)
    while batch := list(islice(waiting, 60)):
        state, found = advance(watched, state, by_columns(batch))
        findings += found
    return state, findings


def kinds(findings: Iterable[Finding]) -> list[str]:
    """Of the findings that began something."""
    return [f.kind for f in findings if f.ended is None]


def with_values(samples: list[Sample], first: int, last: int, **values: Value) -> list[Sample]:
    """The stream with some values put in."""
    return [replace(s, values={**s.values, **values}) if first <= i < last else s for i, s in enumerate(samples)]


@pytest.mark.requirement("tamper.honest")
@pytest.mark.parametrize("every", [1, 10, 60, 300, 900])
def test_an_honest_meter_raises_nothing(every: float) -> None:
    assert run(stream(honest(), stop=1500 * every, every=every))[1] == []


@pytest.mark.requirement("tamper.honest")
@pytest.mark.parametrize("digits", [0, 1])
def test_a_coarse_display_that_is_refreshed_slowly_is_not_frozen(digits: int) -> None:
    """1 V or 0.1 V, without frequency, the same values for a minute at a time."""
    make, shown = honest(digits=digits), dict[str, Value]()

    def slow(time: float) -> dict[str, Value]:
        nonlocal shown
        shown = make(time) if time % 60 == 0 else shown
        return {q: v for q, v in shown.items() if q.startswith("voltage")}

    assert run(stream(slow, stop=6_000, every=1))[1] == []


@pytest.mark.requirement("tamper.honest")
def test_a_display_that_flickers_between_two_numbers_is_no_replay() -> None:
    values: tuple[dict[str, Value], ...] = ({"voltage_l1": 219.0}, {"voltage_l1": 220.0})
    assert run(Sample("p", 60.0 * i, values[i % 2]) for i in range(2000))[1] == []


@pytest.mark.requirement("tamper.frozen")
@pytest.mark.parametrize(("every", "within"), [(1, 600), (60, 600), (900, 7200)])
def test_a_frozen_meter_is_found_and_its_end_too(every: float, within: float) -> None:
    samples = stream(honest(), stop=400 * every, every=every)
    frozen = [Sample("p", 400 * every + i * every, samples[-1].values) for i in range(1, 1500)]
    after = stream(honest(8), start=1900 * every, stop=1910 * every, every=every)
    found = [f for f in run(samples + frozen + after)[1] if f.kind == "tamper.frozen"]
    assert [f.ended is None for f in found] == [True, False]
    assert found[0].began == samples[-1].time
    assert found[0].detected - samples[-1].time <= within + every


@pytest.mark.requirement("tamper.frozen")
def test_a_dead_conductor_is_not_frozen() -> None:
    dead: dict[str, Value] = {"voltage_l1": 0.0, "frequency": 0.0, "active_power": 0.0, "active_energy_import": 5e8}
    assert run(stream(lambda _: dead, stop=86400))[1] == []


@pytest.mark.requirement("tamper.replay")
@pytest.mark.parametrize("length", [4, 8, 10, 60, 700])
def test_a_replayed_recording_is_found(length: int) -> None:
    samples = stream(honest(), stop=1000 * 60)
    source = samples[200 : 200 + length]
    again = [replace(source[i % length], time=60.0 * (1000 + i)) for i in range(900)]
    found = [f for f in run(samples + again)[1] if f.kind == "tamper.replay" and f.ended is None]
    assert found
    assert 60_000 <= found[0].began <= found[0].detected < 60_000 + 200 * 60


@pytest.mark.requirement("tamper.replay")
def test_the_end_of_a_replay_is_told() -> None:
    samples = stream(honest(), stop=500 * 60)
    again = [replace(samples[400 + i % 20], time=60.0 * (500 + i)) for i in range(200)]
    after = stream(honest(8), start=700 * 60, stop=900 * 60)
    found = [f.ended is None for f in run(samples + again + after)[1] if f.kind == "tamper.replay"]
    assert found == [True, False]


@pytest.mark.requirement("tamper.rollback")
@pytest.mark.parametrize("every", [10, 60, 900])
def test_a_register_that_was_set_back_is_found_when_time_and_two_readings_confirm_it(every: float) -> None:
    samples = stream(honest(), stop=200 * every, every=every)
    back = [
        with_values([s], 0, 1, active_energy_import=(s.number("active_energy_import") or 0) - 4e6)[0]
        for s in samples[100:]
    ]
    found = run(samples[:100] + back)[1]
    assert kinds(found) == ["tamper.rollback"]
    assert found[0].evidence["change"] == pytest.approx(-4e6, abs=300e3)
    assert found[0].detected - samples[100].time <= (900 if every < 300 else 5 * every)


@pytest.mark.requirement("tamper.single-bad-reading")
@pytest.mark.parametrize("value", [0.0, 1.0, 123_456_789.0, 9.9e11])
@pytest.mark.parametrize("quantity", ["active_energy_import", "active_power", "voltage_l1", "current_l2", "frequency"])
def test_two_bad_readings_in_succession_are_nothing(quantity: str, value: float) -> None:
    samples = stream(honest(), stop=200 * 60)
    assert run(with_values(samples, 100, 102, **{quantity: value}))[1] == []


@pytest.mark.requirement("tamper.single-bad-reading")
def test_a_meter_that_starts_up_with_zeros_is_nothing() -> None:
    samples = stream(honest(), stop=200 * 60)
    assert run(with_values(samples, 100, 105, active_energy_import=0.0, active_power=0.0))[1] == []


@pytest.mark.requirement("tamper.rollover")
@pytest.mark.parametrize("modulus", [1e9, 1e8 * 40, 2.0**32, 2.0**32 * 10])
def test_a_roll_over_is_no_rollback(modulus: float) -> None:
    def rolling(time: float) -> dict[str, Value]:
        values = honest()(time) | {"ct_ratio": 40.0}
        return values | {"active_energy_import": (modulus - 3e6 + 360e3 * time / 3600) % modulus}

    make = honest()
    samples = [Sample("p", s.time, {**make(s.time), **rolling(s.time), "voltage_l1": make(0)["voltage_l1"]})
               for s in stream(honest(), stop=12 * 3600)]  # fmt: skip
    assert kinds(run(samples)[1]) == []


@pytest.mark.requirement("tamper.rollover")
def test_a_rollback_that_is_no_roll_over_of_a_known_modulus_is_found() -> None:
    samples = stream(honest(), stop=200 * 60)
    watched = dataclasses.replace(WATCHED, register_modulus=1e9)
    assert kinds(run(with_values(samples, 100, 200, active_energy_import=1000.0), watched)[1]) == ["tamper.rollback"]


@pytest.mark.requirement("tamper.meter-changed")
def test_another_serial_number_is_another_meter_and_its_register_no_rollback() -> None:
    samples = with_values(stream(honest(), stop=200 * 60), 0, 100, meter_serial=4711.0)
    samples = with_values(samples, 100, 200, meter_serial=815.0, active_energy_import=12e3)
    found = run(samples)[1]
    assert kinds(found) == ["tamper.meter_changed"]
    assert "4711 to 815" in found[0].reason


@pytest.mark.requirement("tamper.meter-changed")
def test_a_register_that_leaps_further_than_the_line_can_take_is_another_meter() -> None:
    samples = with_values(stream(honest(), stop=200 * 60), 100, 200, active_energy_import=9e11)
    assert kinds(run(samples)[1]) == ["tamper.meter_changed"]


@pytest.mark.requirement("tamper.meter-changed")
def test_what_ran_in_a_blackout_is_no_other_meter() -> None:
    """As in the recording of a real furnace: 71 minutes without readings, 461 kWh."""
    assert kinds(run(stream(honest(), stop=6000) + stream(honest(8), start=10_260, stop=20_000))[1]) == []


@pytest.mark.requirement("tamper.reported-change")
def test_a_reported_change_of_the_meter_raises_nothing() -> None:
    watched = dataclasses.replace(WATCHED, reported=((5000.0, 7000.0),))
    samples = with_values(stream(honest(), stop=200 * 60), 0, 100, meter_serial=4711.0, ct_ratio=40.0)
    samples = with_values(samples, 100, 200, meter_serial=815.0, ct_ratio=60.0, active_energy_import=12e3)
    assert kinds(run(samples, watched)[1]) == []
    assert set(kinds(run(samples)[1])) == {"tamper.meter_changed", "tamper.ratio"}


@pytest.mark.requirement("tamper.ratio")
def test_a_ratio_changed_in_the_meter_is_found_after_a_quarter_of_an_hour() -> None:
    samples = with_values(stream(honest(), stop=200 * 60), 0, 100, ct_ratio=40.0)
    found = run(with_values(samples, 100, 200, ct_ratio=20.0))[1]
    assert [(f.kind, f.began, f.detected) for f in found] == [("tamper.ratio", 6000, 6900)]


@pytest.mark.requirement("tamper.ratio")
@pytest.mark.parametrize(("factor", "said"), [(0.5, ["tamper.ratio"]), (0.97, []), (1.03, [])])
def test_power_that_does_not_fit_the_register_for_hours_is_found(factor: float, said: list[str]) -> None:
    """All that is measured is less by a factor, and the register counts on."""
    samples = [
        replace(s, values={**s.values, **honest(i, 360e3 * factor)(0), "active_energy_import": s.values[REGISTER]})
        for i, s in enumerate(stream(honest(), stop=12 * 3600))
    ]
    assert kinds(run(samples)[1]) == said


CT_CASES: dict[str, dict[str, Value]] = {
    "lead off": {"voltage_l2": 0.0, "active_power_l2": 0.0, "active_power": 240e3},
    "reversed": {"active_power_l2": -120e3, "active_power": 120e3},
    "all reversed": {"active_power": -360e3, **{f"active_power_l{i}": -120e3 for i in (1, 2, 3)}},
    "power without current": {f"current_l{i}": 60.0 for i in (1, 2, 3)},
    "current without power": {"active_power": 120e3, "reactive_power": 20e3},
    "bypassed": {"current_l3": 0.0, "active_power_l3": 0.0, "active_power": 240e3},
    "bypassed in part": {"current_l3": 300.0, "active_power_l3": 66e3, "active_power": 306e3},
}


@pytest.mark.requirement("tamper.ct")
@pytest.mark.parametrize("case", CT_CASES)
@pytest.mark.parametrize("every", [30, 60, 900])
def test_currents_voltages_and_powers_that_contradict_each_other_are_found(case: str, every: float) -> None:
    begin = max(round(8 * 3600 / every), 100) if case.startswith("bypassed") else 100
    samples = stream(honest(), stop=(begin + 400) * every, every=every)
    found = run(with_values(samples, begin, begin + 400, **CT_CASES[case]))[1]
    found = [f for f in found if f.kind == "tamper.ct"]
    # What is read so seldom may be a mean beside a moment.
    again = 23 if every == 900 and case == "current without power" else 2
    told = [(begin * every, begin * every + max(300, again * every))]
    assert [(f.began, f.detected) for f in found] == ([] if every == 900 and case == "power without current" else told)


@pytest.mark.requirement("tamper.ct")
def test_a_line_without_load_contradicts_nothing() -> None:
    idle: dict[str, Value] = {"current_l3": 0.0, "active_power": 0.0, "current_l1": 9.0, "current_l2": 9.0}
    samples = with_values(stream(honest(), stop=12 * 3600), 480, 720, **idle)
    assert "tamper.ct" not in kinds(run(samples)[1])


@pytest.mark.requirement("tamper.clock")
def test_a_clock_set_back_tells_by_the_third_sample_of_a_time_that_is_over() -> None:
    back = [replace(s, time=s.time - 3600) for s in stream(honest(9), start=6000, stop=9000)]
    state, found = run(stream(honest(), stop=6000) + back)
    assert kinds(found) == ["tamper.clock"]
    assert found[0].evidence["seconds"] == pytest.approx(-3600, abs=180)
    assert state.clock.late == 50


@pytest.mark.requirement("tamper.clock")
def test_late_and_double_samples_are_left_aside_and_counted() -> None:
    samples = stream(honest(), stop=6000)
    state, found = run([*samples, samples[30], samples[-1], samples[40]])
    assert (found, state.clock.late) == ([], 3)


@pytest.mark.requirement("tamper.clock")
@pytest.mark.parametrize(("shift", "said"), [(-600.0, ["tamper.clock"]), (600.0, ["tamper.clock"]), (5.0, [])])
def test_a_clock_that_moves_against_the_monotonic_one_was_set(shift: float, said: list[str]) -> None:
    samples = [
        replace(s, monotonic=5000 + s.time, time=s.time + (shift if i >= 100 else 0))
        for i, s in enumerate(stream(honest(), stop=9000))
    ]
    assert kinds(run(samples)[1]) == said


@pytest.mark.requirement("tamper.clock")
def test_a_clock_that_the_network_sets_after_a_boot_was_not_tampered_with() -> None:
    before = [replace(s, monotonic=9000 + s.time) for s in stream(honest(), stop=6000)]
    after = [
        replace(s, monotonic=s.time - 5990, time=s.time + (3000 if s.time > 6300 else 0))
        for s in stream(honest(9), start=6060, stop=9000)
    ]
    assert kinds(run(before + after)[1]) == []


@pytest.mark.requirement("tamper.absent-is-not-zero")
def test_missing_values_tell_nothing() -> None:
    samples = stream(honest(), stop=12 * 3600)
    gone: dict[str, Value] = dict.fromkeys(samples[0].values, Absence.TIMEOUT)
    assert run(with_values(samples, 300, 500, **gone))[1] == []


@pytest.mark.requirement("tamper.recording")
@pytest.mark.parametrize("seen", [(), ("voltage_l12",), ("voltage_l12", "voltage_l23", "voltage_l31", "frequency")])
def test_a_fortnight_of_a_real_furnace_raises_nothing(seen: tuple[str, ...]) -> None:
    """Its register disagrees with its power by up to 4 % an hour; in 71 minutes without readings it took 461 kWh."""
    assert run(real_furnace(*seen), WatchedPoint("site", "line", 450e3, 277.0))[1] == []


VALUES = st.one_of(
    st.sampled_from(list(Absence)),
    st.sampled_from([0.0, 50.0, 219.9, 220.0, 220.1, 5e3, 120e3, 360e3, -360e3, 5e8, 5e8 + 3e3, 1e3]),
)
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([1.0, 1.0, 60.0, 60.0, 900.0, 86400.0, 0.0, -60.0]),
        st.dictionaries(st.sampled_from(sorted({**honest()(0), "ct_ratio": 0.0, "meter_serial": 0.0})), VALUES),
        st.sampled_from([0.0, 0.0, 10.0, 5000.0]),
    ),
    max_size=60,
)


@pytest.mark.requirement("tamper.contract")
@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.integers(0, 60))
def test_cutting_the_stream_and_moving_the_state_changes_nothing(
    moves: list[tuple[float, dict[str, Value], float]], cut: int
) -> None:
    """Deterministic, input untouched, and a saved state goes on as if nothing had happened."""
    time, samples = 1e9, stream(honest(), start=1e9 - 1200, stop=1e9)
    for seconds, values, monotonic in moves:
        time += seconds
        samples.append(Sample("p", time, values, monotonic))
    cut += 15
    whole, findings = run(samples)
    state, parts = run(samples[:cut])
    before = save(state)
    state = restore(before)
    for sample in samples[cut:]:
        state, found = step(WATCHED, state, sample)
        parts += found
    assert (state, parts) == (whole, findings)
    assert restore(before) == run(samples[:cut])[0]


@pytest.mark.requirement("tamper.contract")
def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99"):
        restore(save(PointState(version=99)))
    with pytest.raises(ValueError, match="not a state"):
        restore(b"\xff")


@pytest.mark.requirement("tamper.ct")
def test_a_coil_between_two_phases_is_no_reversed_transformer() -> None:
    """At a power factor of 0.17 one of its phases takes power backwards, at 0.34 of what it carries."""
    coil: dict[str, Value] = {"current_l1": 500.0, "current_l2": 500.0, "current_l3": 0.0, "active_power": 32.5e3}
    coil |= {"active_power_l1": 70.3e3, "active_power_l2": -37.8e3, "active_power_l3": 0.0, "reactive_power": 188e3}
    assert "tamper.ct" not in kinds(run(with_values(stream(honest(), stop=8 * 3600), 0, 480, **coil))[1])


def test_a_meter_that_shows_power_without_any_current_does_not_disturb_the_detector() -> None:
    gone: dict[str, Value] = {f"current_l{i}": 0.0 for i in (1, 2, 3)}
    assert kinds(run(with_values(stream(honest(), stop=6000), 0, 50, **gone))[1]) == ["tamper.ct"]
