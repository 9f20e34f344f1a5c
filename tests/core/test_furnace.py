"""The furnace detector, on streams made by hand and on the real recordings."""

import math
import random
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.furnace import Feeder, FurnaceState, restore, save, step
from stillcold_core.detect.minutes import Gathering, Stretch, gather
from stillcold_core.detect.spectrum import Seen, seen
from stillcold_core.readings import Absence, Sample, Value
from support.plants import real_furnace, steel_plant
from support.said import first_said

FEEDER = Feeder("site", "line", "p")
HOUR = 3600.0
Shape = Callable[[float], float]


def run(samples: Iterable[Sample]) -> tuple[FurnaceState, list[Finding]]:
    """All findings of a stream."""
    state, findings = FurnaceState(), []
    for sample in samples:
        state, found = step(FEEDER, state, sample)
        findings += found
    return state, findings


def raised(samples: Iterable[Sample]) -> list[Finding]:
    """What was found, as it was said first."""
    return first_said(f for f in run(samples)[1] if f.ended is None)


def soft(age: float) -> float:
    """Share of the power of a heat with a soft start of 30 min in six steps, 95 min long, 10 min of tap."""
    return 0.0 if age >= 95 * 60 else min(1.0, 0.25 + 0.15 * (age // 300))


def sharp(age: float) -> float:
    """The same without a soft start, 60 min long."""
    return 1.0 if age < 60 * 60 else 0.0


def heats(shape: Shape, count: int, begin: float, period: float) -> Shape:
    """Share of the power over time."""

    def share(time: float) -> float:
        age = time - begin
        return shape(age % period) if 0 <= age < count * period else 0.0

    return share


def feeder(
    share: Shape, hours: float, every: float, *, power: float = 600e3, ratio: float | None = 0.28, base: float = 40e3
) -> Iterator[Sample]:
    """A feeder with a quiet base and one more load; ``ratio`` None: a meter that shows power only."""
    rng = random.Random(5)
    for i in range(1, round(hours * HOUR / every) + 1):
        time = i * every
        # A meter that is read seldom shows the mean of the time before; so do its load profiles.
        parts = [share(time - every * (k + 0.5) / 15) for k in range(15)] if every >= 600 else [share(time)]
        load = power * sum(parts) / len(parts) * (1 + 0.004 * rng.gauss(0, 1))
        values: dict[str, Value] = {"active_power": base * (1 + 0.01 * rng.gauss(0, 1)) + load}
        if ratio is not None:
            apparent = math.hypot(base + load, 0.3 * (base + load))
            values |= {"reactive_power": 0.3 * (base + load), "current_thd_l1": 100 * (ratio * load + 900) / apparent}
        yield Sample("p", time, values)


@pytest.mark.requirement("furnace.first-heat")
@pytest.mark.parametrize("every", [1.0, 10.0, 60.0, 61.0])
def test_a_converter_that_starts_softly_is_found_in_its_first_heat(every: float) -> None:
    begin = 2 * HOUR
    found = raised(feeder(heats(soft, 2, begin, 105 * 60), 4, every))
    assert [f.kind for f in found] == ["furnace.induction"]
    assert abs(found[0].began - begin) <= 120
    assert found[0].detected < begin + 105 * 60  # before the next one begins
    assert found[0].evidence["weight_soft_start"] == 3.5


@pytest.mark.requirement("furnace.new-converter")
def test_a_new_converter_is_found_in_its_first_heat_where_the_feeder_is_known() -> None:
    begin = 72 * HOUR
    found = raised(feeder(heats(sharp, 1, begin, 70 * 60), 74, 60))
    assert [f.kind for f in found] == ["furnace.induction"]
    assert found[0].detected < begin + 70 * 60
    assert found[0].evidence["weight_new_on_this_feeder"] == 2.5


@pytest.mark.requirement("furnace.hours")
def test_a_new_converter_in_the_night_is_found_while_its_first_heat_goes_on() -> None:
    begin = 71 * HOUR  # the quiet base has no hours of work
    found = raised(feeder(heats(sharp, 1, begin, 70 * 60), 74, 60))
    assert [f.evidence["weight_plant_at_rest"] for f in found] == [1.5]
    assert begin + 40 * 60 <= found[0].detected < begin + 60 * 60


@pytest.mark.requirement("furnace.new-converter")
def test_a_heat_is_told_from_a_smaller_load_that_was_switched_on_before_it() -> None:
    begin = 72 * HOUR
    heat, small = heats(sharp, 1, begin, 70 * 60), heats(lambda age: 0.2, 1, begin - HOUR, 5 * HOUR)
    found = raised(feeder(lambda t: heat(t) + small(t), 74, 60))
    assert [abs(f.began - begin) <= 120 for f in found] == [True]
    assert found[0].evidence["active_power"] == pytest.approx(600e3, rel=0.05)


def usual(age: float) -> float:
    """A heat that goes up at once: an hour with three pauses for charging, 8 min of hold at a fifth, 8 min of tap."""
    if age >= 66 * 60:
        return 0.0 if age >= 74 * 60 else 0.2
    return 0.4 if age % 1000 > 880 and age < 3300 else 0.95


@pytest.mark.requirement("furnace.first-heat")
@pytest.mark.parametrize("every", [1.0, 10.0, 60.0])
def test_a_heat_that_is_held_and_tapped_is_found_before_the_next_on_a_feeder_that_is_not_known(every: float) -> None:
    begin = 2 * HOUR
    found = raised(feeder(heats(usual, 2, begin, 82 * 60), 4, every))
    assert [f.evidence["weight_hold"] for f in found] == [2.0]
    assert begin + 66 * 60 < found[0].detected < begin + 82 * 60


@pytest.mark.requirement("furnace.forging-heater")
def test_one_run_of_an_hour_with_pauses_is_not_yet_a_furnace() -> None:
    run_of_an_hour = heats(lambda age: usual(age) if age < 66 * 60 else 0.0, 1, 2 * HOUR, 82 * 60)
    assert raised(feeder(run_of_an_hour, 4, 60)) == []


@pytest.mark.requirement("furnace.repetition")
def test_equal_heats_are_found_at_once_on_a_feeder_that_is_not_known() -> None:
    found = raised(feeder(heats(sharp, 3, HOUR, 70 * 60), 5, 60))
    assert [f.evidence["heats"] for f in found] == [2.0]
    assert found[0].evidence["weight_tap"] == 2.0
    assert found[0].evidence["heat_1_energy"] == pytest.approx(600e3, rel=0.03)


@pytest.mark.requirement("furnace.power-only")
@pytest.mark.parametrize("every", [60.0, 900.0])
def test_power_alone_is_enough_after_a_few_equal_heats(every: float) -> None:
    share = heats(sharp, 4, 72 * HOUR + 1700, 75 * 60)
    found = raised(feeder(share, 78, every, ratio=None))
    assert [f.kind for f in found] == ["furnace.induction"]
    assert found[0].evidence["heats"] in (2.0, 3.0)
    assert "distortion_ratio" not in found[0].evidence


@pytest.mark.requirement("furnace.explained")
def test_a_finding_says_heats_energy_tonnes_and_what_spoke() -> None:
    state, findings = run(feeder(heats(sharp, 4, HOUR, 70 * 60), 24, 60))
    begun, *_, over = findings
    assert {f.id for f in findings} == {begun.id}
    assert [f.ended is None for f in findings] == [True] * (len(findings) - 1) + [False]
    assert [f.evidence["heats"] for f in findings] == [2, 2, 3, 4, 4]
    assert over.evidence["heats"] == 4
    assert over.evidence["energy"] == pytest.approx(2.4e6, rel=0.03)
    assert over.evidence["tonnes"] == pytest.approx(4.0, rel=0.03)
    assert over.evidence["tonnes_least"] == pytest.approx(2.4 / 0.68, rel=0.03)
    assert over.evidence["tonnes_most"] == pytest.approx(2.4 / 0.55, rel=0.03)
    assert over.ended == pytest.approx(HOUR + 3 * 70 * 60 + 60 * 60, abs=240)
    weights = [v for k, v in begun.evidence.items() if k.startswith("weight_") and isinstance(v, float)]
    assert sum(weights) == pytest.approx(float(begun.evidence["score"]), abs=0.05)
    assert state.alarms == {}


@pytest.mark.requirement("furnace.forging-heater")
def test_a_forging_heater_that_works_for_hours_is_no_furnace_and_is_remembered() -> None:
    def shifts(time: float) -> float:
        hour = time % 86400 / HOUR
        return 1.0 if 7 <= hour < 11.5 or 12 <= hour < 17 or 18 <= hour < 19.2 or 19.5 <= hour < 20.7 else 0.0

    assert raised(feeder(shifts, 5 * 24, 60)) == []


@pytest.mark.requirement("furnace.legal-loads")
@pytest.mark.parametrize(
    ("share", "ratio"),
    [
        (lambda t: 1.0, 0.28),  # always on
        (lambda t: 1.0 if t % 3600 < 600 else 0.0, 0.28),  # ten minutes an hour
        (lambda t: 1.0 if t % 130 < 55 else 0.0, 0.02),  # a thermostat
        (lambda t: 0.5 + 0.5 * math.sin(t / 2000), 0.35),  # a drive
        (lambda t: 1.0 if math.sin(t * t) > 0 else 0.1, 0.22),  # a mill
        (lambda t: sharp((t - HOUR) % (70 * 60)), 0.02),  # heats of a heater without a converter
    ],
)
def test_loads_without_heats_or_without_a_converter_raise_nothing(share: Shape, ratio: float) -> None:
    assert raised(feeder(share, 30, 60, ratio=ratio)) == []


@pytest.mark.requirement("furnace.line-frequency")
def test_a_line_frequency_furnace_is_found_by_the_wandering_of_its_phases() -> None:
    rng = random.Random(3)
    share = heats(lambda a: 0.0 if a >= 80 * 60 else min(1.0, 0.2 * (1 + a // 240)), 3, HOUR, 95 * 60)

    def samples() -> Iterator[Sample]:
        drift = 0.0
        for i in range(6 * 60):
            drift = 0.8 * drift + 0.03 * rng.gauss(0, 1)
            load = 500e3 * share(60.0 * i) * (1 + drift)
            split = (1 / 3 + drift / 3, 1 / 3 - drift / 6, 1 / 3 - drift / 6)
            values: dict[str, Value] = {f"active_power_l{p}": 10e3 + load * s for p, s in enumerate(split, 1)}
            yield Sample("p", 60.0 * i, values | {"reactive_power": 20e3, "current_thd_l1": 4.0})

    found = raised(samples())
    assert [f.kind for f in found] == ["furnace.line_frequency"]
    assert found[0].evidence["heats"] == 2


@pytest.mark.requirement("furnace.gap")
def test_a_gap_is_no_tap() -> None:
    samples = [s for s in feeder(lambda t: 1.0 if t > HOUR else 0.0, 6, 60) if not 2 * HOUR < s.time < 3 * HOUR]
    assert raised(samples) == []


@pytest.mark.requirement("furnace.real-recording")
@pytest.mark.parametrize(
    "quantities", [(), ("active_power", "reactive_power", "voltage_l12", "current_l1", "current_l2", "current_l3")]
)
def test_the_real_furnace_is_found_in_its_first_heat(quantities: tuple[str, ...]) -> None:
    samples = []
    for sample in real_furnace(*quantities):
        samples.append(sample)
        if len(samples) == 800:
            break
    first = raised(samples)[0]
    assert first.kind == "furnace.induction"
    assert first.evidence["heats"] == 1
    assert first.detected - first.began <= 125 * 60  # its hold has begun


@pytest.mark.requirement("furnace.real-recording")
def test_the_real_steel_plant_raises_nothing_in_half_a_year() -> None:
    assert raised(steel_plant()) == []


def test_late_and_double_samples_are_left_aside_and_counted() -> None:
    samples = list(feeder(heats(soft, 1, HOUR, 105 * 60), 3, 60))
    state, findings = run([*samples, samples[30], samples[-1]])
    assert state.late == 2
    assert findings == run(samples)[1]


@pytest.mark.requirement("furnace.absent-is-not-zero")
def test_a_meter_that_does_not_answer_ends_no_heat() -> None:
    def silent(sample: Sample) -> Sample:
        gone = 130 * 60 < sample.time < 138 * 60
        return Sample("p", sample.time, dict.fromkeys(sample.values, Absence.TIMEOUT)) if gone else sample

    samples = [silent(s) for s in feeder(heats(soft, 2, HOUR, 105 * 60), 5, 60)]
    found = raised(samples)
    assert len(found) == 1
    assert found[0].began == pytest.approx(HOUR, abs=120)


VALUES = st.one_of(st.sampled_from(list(Absence)), st.sampled_from([0.0, 20.0, 30e3, 200e3, 600e3, -600e3, math.nan]))
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([1.0, 20.0, 60.0, 60.0, 60.0, 900.0, 7200.0, 0.0, -5.0]),
        st.dictionaries(
            st.sampled_from(["active_power", "active_power_l1", "reactive_power", "current_thd_l1", "current_l1"]),
            VALUES,
            max_size=5,
        ),
        st.integers(1, 40),
    ),
    max_size=25,
)


@pytest.mark.requirement("furnace.contract")
@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.integers(0, 400))
@example(
    [
        (60.0, {"active_power": 600e3, "current_thd_l1": 20.0}, 15),
        (60.0, {"active_power": 20.0, "current_thd_l1": -600e3}, 4),
    ],
    0,
)
def test_cutting_the_stream_and_moving_the_state_changes_nothing(
    moves: list[tuple[float, dict[str, Value], int]], cut: int
) -> None:
    """Deterministic, input untouched, and a saved state goes on as if nothing had happened."""
    time, samples = 1e9, []
    for seconds, values, times in moves:
        for _ in range(times):
            time += seconds
            samples.append(Sample("p", time, values))
    whole, findings = run(samples)
    state, parts = run(samples[:cut])
    before = save(state)
    state = restore(before)
    for sample in samples[cut:]:
        state, found = step(FEEDER, state, sample)
        parts += found
    assert (save(state), parts) == (save(whole), findings)
    assert save(restore(before)) == save(run(samples[:cut])[0])


@pytest.mark.requirement("furnace.contract")
def test_a_state_saved_in_the_middle_of_a_heat_goes_on() -> None:
    samples = list(feeder(heats(soft, 2, HOUR, 105 * 60), 5, 60))
    state, parts = run(samples[:100])
    state = restore(save(state))
    for sample in samples[100:]:
        state, found = step(FEEDER, state, sample)
        parts += found
    assert (state, parts) == run(samples)
    assert [f.evidence["heats"] for f in parts] == [1, 2]


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99"):
        restore(save(FurnaceState(version=99)))
    with pytest.raises(ValueError, match="not a state"):
        restore(b"\xff")


@pytest.mark.requirement("furnace.any-meter")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"active_power": -80e3}, Seen(80e3, None, None, None)),
        ({"active_power": 80e3, "power_factor": 0.8, "current_thd_l2": 30.0}, Seen(80e3, 30e3, 60e3, None, True)),
        ({"active_power": 80e3, "apparent_power": 100e3, "current_h5_l1": 30.0, "current_h7_l1": 40.0},
         Seen(80e3, 50e3, 60e3, None, True)),
        ({"active_power": 80e3, "reactive_power": 60e3, **{f"current_l{p}": 160.0 for p in (1, 2, 3)},
          **{f"voltage_l{p}": 220.0 for p in (1, 2, 3)}}, Seen(80e3, 33931.7, 60e3, 0.0)),
        # The power is a mean of the time before: what the current shows of this moment is its harmonics' measure.
        ({"active_power": 80e3, "current_thd_l1": 75.0, **{f"voltage_l{p}": 250.0 for p in (1, 2, 3)},
          "current_l1": 10.0, "current_l2": 10.0, "current_l3": 30.0}, Seen(80e3, 7500.0, None, 3333.3, True)),
        ({f"active_power_l{p}": 10e3 * p for p in (1, 2, 3)}, Seen(60e3, None, None, 10e3)),
        ({"active_power": Absence.TIMEOUT, "current_l1": 5.0}, None),
        ({"active_power": math.nan}, None),
    ],
)  # fmt: skip
def test_distortion_is_told_by_whatever_the_meter_shows(values: dict[str, Value], expected: Seen | None) -> None:
    shown = seen(Sample("p", 0.0, values))
    if expected is None or shown is None:
        assert shown == expected
    else:
        assert [v and round(v, 1) for v in shown] == list(expected)


def test_a_register_tells_the_mean_power_of_a_quarter_of_an_hour() -> None:
    state, _ = gather(Gathering(), 0.0, Seen(0.0, None, None, None), 1000.0)
    _, stretch = gather(state, 900.0, Seen(600e3, None, None, None), 101_000.0)
    assert stretch == Stretch(900.0, 900.0, 400e3, None, None, None)
