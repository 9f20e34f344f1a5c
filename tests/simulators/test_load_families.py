"""Each family of loads against what is known of the real ones."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, pstdev
from typing import get_args

import msgspec
import numpy as np
import pytest

from stillcold_sim.loads import (
    ArcFurnace,
    Charger,
    Demand,
    Forge,
    Furnace,
    LadleFurnace,
    LineFurnace,
    Load,
    Mill,
    Moment,
    Office,
    Oven,
    Pump,
    State,
    Steady,
    Sum,
    Vfd,
    Welder,
    combine,
    electrical,
    upstream,
)

DOCS = Path(__file__).parents[2] / "docs" / "loads.md"
VOLTS = (220.0, 220.0, 220.0)


def _play(load: Load, hours: float, step: float = 1.0, seed: int = 7) -> list[Demand]:
    run = load.begin(np.random.default_rng(seed))
    return [run.step(Moment(k * step, step, k * step % 86400), True) for k in range(int(hours * 3600 / step))]


def _power(demands: Sequence[Demand]) -> list[float]:
    return [d.active_power for d in demands]


def _factor(demand: Demand) -> float:
    return demand.active_power / float(np.hypot(demand.active_power, demand.reactive_power))


def _imbalance(demand: Demand) -> float:
    """Largest deviation of a phase's current from the mean, share of it."""
    current = _state(demand).current
    return max(abs(i - mean(current)) for i in current) / mean(current)


def _state(demand: Demand) -> State:
    return electrical(demand, VOLTS, 50.0, 1.6)


def _times(demands: Sequence[Demand], event: str) -> list[int]:
    return [t for t, d in enumerate(demands) if d.event == event]


@pytest.mark.requirement("sim.loads.as-known")
@pytest.mark.parametrize(
    ("pulses", "thd", "fifth", "eleventh"),
    [(6, (25, 30), (14, 20), (7, 9)), (12, (10, 14), (1, 4), (7, 9)), (24, (5, 7), (1, 4), (1, 4))],
)
def test_furnace_has_the_harmonics_of_its_rectifier(
    pulses: int, thd: tuple[int, int], fifth: tuple[int, int], eleventh: tuple[int, int]
) -> None:
    """6 pulses: h5 leads; 12: h11 leads, a rest of h5; 24: 6 % in all."""
    load = msgspec.convert({"kind": "furnace", "pulses": pulses}, Furnace)
    plateau = _play(load, 1)[-1]
    assert thd[0] <= plateau.current_thd <= thd[1]
    assert fifth[0] <= plateau.harmonics[5] <= fifth[1]
    assert eleventh[0] <= plateau.harmonics[11] <= eleventh[1]


def test_furnace_says_its_own_harmonics_where_the_file_does() -> None:
    """The rest stays the rectifier's."""
    plateau = _play(Furnace(pulses=12, h11=5.0), 1)[-1]
    assert (plateau.harmonics[11], plateau.harmonics[13]) == (5.0, 7.0)


@pytest.mark.requirement("sim.loads.as-known")
def test_furnace_with_two_crucibles_leaves_almost_no_gap() -> None:
    """Seconds between heats, where one crucible leaves 5 to 15 minutes."""
    demands = _play(Furnace(crucibles=2), 8)
    taps, heats = _times(demands, "tap_begins"), _times(demands, "melt_begins")[1:]
    assert len(heats) >= 3
    assert all(4 <= heat - tap <= 21 for tap, heat in zip(taps, heats, strict=False))


def test_first_heat_after_a_relining_goes_up_over_hours_and_the_next_does_not() -> None:
    """It sinters the lining."""
    demands = _play(Furnace(sinter_hours=5), 10, step=5.0)
    assert [d.event for d in demands if d.event][:3] == ["sinter_begins", "tap_begins", "melt_begins"]
    power = _power(demands)
    assert power[720] < power[1440] < power[2880] < 0.9 * 450e3
    second = _times(demands, "melt_begins")[0]
    assert power[second + 2 * 360] > 0.95 * 450e3


def test_sintering_that_is_shorter_than_the_ramp_ends_at_full_power() -> None:
    """It does not go back to the ramp of an ordinary heat."""
    power = _power(_play(Furnace(sinter_hours=0.5), 0.6))
    assert power[900] < 0.6 * 450e3
    assert min(power[1810:]) > 0.95 * 450e3


@pytest.mark.requirement("sim.loads.as-known")
def test_line_furnace_switches_capacitors_and_wanders_out_of_balance() -> None:
    """Natural power factor 0.1 to 0.25, corrected in steps; little distortion, much unbalance."""
    load = LineFurnace()
    demands = [d for d in _play(load, 2.5) if d.active_power]
    assert 0.1 <= load.factor_hot < load.factor_cold <= 0.25
    assert median(_factor(d) for d in demands) > 0.95
    assert max(d.current_thd for d in demands) < 8
    jumps = [abs(b.reactive_power - a.reactive_power) for a, b in itertools.pairwise(demands)]
    steps = [j for j in jumps if 0.8 * load.capacitor < j < 1.2 * load.capacitor]
    assert len(steps) > 10
    imbalance = [_imbalance(d) for d in demands[3600:]]
    assert 0.02 < median(imbalance) < 0.15
    assert max(imbalance) - min(imbalance) > 0.05
    energy = sum(_power(demands)) / 3600
    assert energy > 550e3 * 1.5  # a furnace of 600 kW melts 1.5 t or so


@pytest.mark.requirement("sim.loads.as-known")
@pytest.mark.parametrize(("load", "low", "high"), [(ArcFurnace(), 350e3, 450e3), (LadleFurnace(), 30e3, 50e3)])
def test_arcs_take_the_energy_of_their_heat(load: ArcFurnace, low: float, high: float) -> None:
    """From tap to tap, in Wh/t."""
    demands = _play(load, 5)
    first, second = _times(demands, "tap_begins")[:2]
    assert low <= sum(_power(demands[first:second])) / 3600 / load.tonnes <= high


@pytest.mark.requirement("sim.loads.as-known")
def test_arcs_swing_within_a_second_and_stand_unequal() -> None:
    """A ladle furnace far less than one that melts scrap."""
    arc, ladle = ([d for d in _play(load, 1) if d.active_power] for load in (ArcFurnace(), LadleFurnace()))
    swing = [mean(abs(b - a) for a, b in itertools.pairwise(p)) / mean(p) for p in (_power(arc), _power(ladle))]
    assert swing[0] > 0.05
    assert swing[1] < 0.5 * swing[0]
    assert median(_imbalance(d) for d in arc) > 0.1
    assert max(d.sag for d in arc) > 0.03


@pytest.mark.requirement("sim.loads.as-known")
def test_forging_heater_looks_like_a_furnace_that_never_taps() -> None:
    """The same h5 and h7, but no minute without power."""
    demands = _play(Forge(), 6)[120:]
    furnace = _play(Furnace(), 1)[-1]
    assert demands[0].harmonics[5] == pytest.approx(furnace.harmonics[5], rel=0.1)
    assert demands[0].harmonics[7] == pytest.approx(furnace.harmonics[7], rel=0.1)
    power = _power(demands)
    assert min(power) > 0.85 * max(power)
    assert pstdev(power) / mean(power) < 0.05


@pytest.mark.requirement("sim.loads.as-known")
def test_oven_ramps_cold_once_and_then_works_by_its_thermostat() -> None:
    """Power factor 1; the share of the time that it heats is the one asked for; warm it is back within minutes."""
    load = Oven()
    demands = _play(load, 6)
    heating = [d.active_power > 0 for d in demands]
    assert heating.index(False) == pytest.approx(load.cold_ramp, rel=0.05)
    assert mean(heating[7200:]) == pytest.approx(load.duty, abs=0.03)
    assert len(_times(demands, "heating_begins")) > 20
    assert {d.reactive_power for d in demands} == {0}
    assert max(d.current_thd for d in demands) < 3


def test_oven_that_was_off_for_an_hour_needs_no_cold_ramp() -> None:
    """It keeps its heat."""
    run = Oven().begin(np.random.default_rng(1))
    on = [run.step(Moment(float(t), 1.0, 0.0), not 7200 <= t < 10800).active_power > 0 for t in range(16000)]
    again = on[10800:].index(False)
    assert 300 < again < 3600


@pytest.mark.requirement("sim.loads.as-known")
def test_mill_spikes_within_seconds() -> None:
    """Passes of 2 to 8 s, many times the power between them."""
    power = _power(_play(Mill(), 1))
    edges = [t for t in range(1, len(power)) if (power[t] > 0.3e6) != (power[t - 1] > 0.3e6)]
    assert 2 <= median(b - a for a, b in itertools.pairwise(edges)) <= 8
    assert np.percentile(power, 90) > 5 * np.percentile(power, 10)


@pytest.mark.requirement("sim.loads.as-known")
def test_drive_starts_softly_and_draws_a_diode_bridges_harmonics() -> None:
    """No inrush; h5 before h7; the percentages grow as the load falls."""
    load = Vfd()
    demands = _play(load, 2)
    start, later = _power(demands[:60]), _power(demands[60:])
    assert max(start) <= max(later) <= load.power
    assert all(b >= a for a, b in itertools.pairwise(start[:15]))
    assert all(d.harmonics[5] > d.harmonics[7] > d.harmonics[11] for d in demands[60:])
    low, high = min(demands[60:], key=lambda d: d.active_power), max(demands[60:], key=lambda d: d.active_power)
    assert low.current_thd > high.current_thd


@pytest.mark.requirement("sim.loads.as-known")
def test_welder_bursts_on_two_phases() -> None:
    """Less than 10 s each, the third phase idle."""
    demands = _play(Welder(), 2)
    burning = [d.active_power > 1e3 for d in demands]
    edges = [t for t in range(1, len(burning)) if burning[t] != burning[t - 1]]
    bursts = [b - a for a, b in zip(edges[1::2], edges[2::2], strict=False)]
    assert len(bursts) > 50
    assert max(bursts) < 10
    current = sorted(_state(next(d for d in demands if d.active_power > 1e3)).current)
    assert current[0] == 0
    assert current[1] > 0


@pytest.mark.parametrize("factor", [1.0, 0.6, 0.4])
def test_load_between_two_conductors_carries_the_same_current_in_both(factor: float) -> None:
    """Its volt-amperes over the voltage between them: the phases trade active and reactive power."""
    burst = next(d for d in _play(Welder(power_factor=factor), 1) if d.active_power > 1e3)
    current = sorted(_state(burst).current)
    assert current[0] == pytest.approx(0, abs=1e-9)
    assert current[1] == pytest.approx(current[2])
    assert current[2] == pytest.approx(burst.active_power / factor / (220.0 * (1 - burst.sag) * 3**0.5))


def test_loads_between_conductors_leave_the_neutral_alone() -> None:
    """A welder's two phases and a line-frequency furnace's three; a phase to neutral does not."""
    burst = next(d for d in _play(Welder(), 1) if d.active_power > 1e3)
    melting = _play(LineFurnace(), 0.5)[-1]
    for demand in (burst, melting):
        state = _state(demand)
        assert state.current_n < 0.01 * max(state.current)
    one = _state(Demand(active_power=3e3, shares=(1.0, 0.0, 0.0)))
    assert one.current_n == pytest.approx(one.current[0])


@pytest.mark.requirement("sim.loads.as-known")
def test_chargers_step_up_and_taper_off() -> None:
    """Up by one post's power at once, down slowly."""
    load = Charger(posts=2, cars_per_hour=1.0)
    power = _power(_play(load, 12))
    changes = [b - a for a, b in itertools.pairwise(power)]
    assert max(changes) == pytest.approx(load.power, rel=0.01)
    assert max(power) <= load.power * load.posts * 1.001
    assert min(changes) >= -0.06 * load.power


@pytest.mark.requirement("sim.loads.as-known")
def test_pump_starts_with_an_inrush_draws_water_and_runs_on() -> None:
    """6 to 8 times the current; 2 % make-up water; an hour more to cool what it cooled."""
    load = Pump(run_on=3600.0)
    run = load.begin(np.random.default_rng(1))
    demands = [run.step(Moment(float(t), 1.0, 0.0), t < 100) for t in range(4000)]
    start, work = (_state(demands[t]).current[0] for t in (0, 50))
    assert 6 <= start / work <= 8
    assert mean(d.water for d in demands[10:100]) == pytest.approx(1.2, rel=0.01)
    assert next(t for t, d in enumerate(demands) if not d.active_power) == pytest.approx(3699, abs=1)


def test_sum_of_loads_takes_what_they_take_together() -> None:
    """Power adds up exactly, harmonics less than arithmetically, and no more distortion than the worst of them has."""
    parts = (Forge(), Office(), Steady(power=50e3, power_factor=0.8))
    together = _play(Sum(of=parts), 0.1)[-1]
    run = np.random.default_rng(7)
    alone = [part.begin(run) for part in parts]
    for t in range(360):
        demands = [load.step(Moment(float(t), 1.0, float(t)), True) for load in alone]
    assert together.active_power == pytest.approx(sum(d.active_power for d in demands))
    assert together.reactive_power == pytest.approx(sum(d.reactive_power for d in demands))
    assert 10 < together.current_thd < 26
    assert together == combine(demands)


def test_phases_of_a_sum_are_the_sums_of_the_phases() -> None:
    """Also where one load is on two of them."""
    burst = next(d for d in _play(Welder(), 1) if d.active_power > 1e3)
    other = Demand(active_power=9e3, reactive_power=3e3)
    both = _state(combine([burst, other]))
    for i in range(3):
        assert both.active_power[i] == pytest.approx(burst.active_power * burst.shares[i] + 3e3)
        assert combine([burst, other]).reactive[i] == pytest.approx(burst.reactive[i] + 1e3)


def test_conductor_upstream_carries_the_losses_too() -> None:
    """And not the voltage drop of what hangs behind it."""
    demands = [Demand(active_power=100e3, sag=0.01), Demand(active_power=50e3, reactive_power=20e3)]
    fed = upstream(demands, 0.02)
    assert fed.active_power == pytest.approx(153e3)
    assert (fed.reactive_power, fed.sag) == (20e3, 0)


@pytest.mark.parametrize("kind", get_args(Load))
def test_load_that_is_off_takes_nothing_and_the_same_seed_takes_the_same(kind: type[Load]) -> None:
    """Every family, also after it has run."""
    given = {"power": 1e3} if kind is Steady else {"of": [{"kind": "forge"}]} if kind is Sum else {}
    tag = kind.__struct_config__.tag
    load = msgspec.convert({"kind": tag, **given}, kind)
    runs = [load.begin(np.random.default_rng(3)) for _ in range(2)]
    for t in range(300):
        moment = Moment(float(t), 1.0, 0.0)
        first, second = (run.step(moment, 100 <= t < 200) for run in runs)
        assert first == second
        if t < 100 or t >= 200:
            assert (first.active_power, first.reactive_power) == (0, 0)


@pytest.mark.requirement("sim.scenario.documented")
@pytest.mark.parametrize("kind", get_args(Load))
def test_every_key_of_every_load_is_described(kind: type[Load]) -> None:
    """In the page of the loads."""
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", DOCS.read_text(encoding="utf-8")))))
    assert {f.encode_name for f in msgspec.structs.fields(kind)} | {str(kind.__struct_config__.tag)} <= words
