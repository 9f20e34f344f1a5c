"""What a meter shows, and what it counts."""

from collections.abc import Callable

import pytest

from stillcold_core.profiles import Profile, decode, load_profile, plan_reads, profile_names
from stillcold_core.quantities import QUANTITIES, Kind
from stillcold_core.readings import Absence
from stillcold_sim.meter import Refused, SimMeter
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario

Load = Callable[[str], Scenario]


def _plant(scenario: Scenario, records: list[Record] | None = None) -> Plant:
    return Plant(scenario, None, (records if records is not None else []).append)


def _read(meter: SimMeter) -> dict[str, float]:
    """All quantities as a reader of the registers gets them, by the requests that the agent plans."""
    profile, ratios = meter.plan.profile, meter.plan.spec.ratios
    found: dict[str, float] = {}
    for read in plan_reads(profile):
        words = meter.read(read.function, read.address, read.count)
        assert not isinstance(words, Refused)
        for register, offset in read.registers:
            value = decode(profile, register, words[offset : offset + register.words], ratios)
            assert not isinstance(value, Absence), register.quantity
            found[register.quantity] = value
    return found


def _values_for(profile: Profile) -> str:
    """What no load gives, as TOML."""
    given = {"seal_closed": 1, "door_closed": 0, "breaker_closed": 1, "water_volume": 1234.5, "water_flow": 3.5}
    return ", ".join(f"{q} = {v}" for q, v in given.items() if q in profile.by_quantity)


@pytest.mark.requirement("sim.profile.round-trip")
@pytest.mark.parametrize("model", profile_names())
def test_meter_of_each_profile_shows_what_it_measures(scenario: Load, model: str) -> None:
    """Each quantity is decoded to within a step of its register, at a load that the smallest meter can show."""
    profile = load_profile(model)
    load = 'load = { kind = "furnace", power = 10e3 }' if profile.kind == "meter" else ""
    meter = _plant(
        scenario(f"""
[[meter]]
id = "m"
profile = "{model}"
port = "bus"
unit = 1
point = "p"
ratios = {{ ct = 40, pt = 2 }}
energy = 123_450
{load}
values = {{ {_values_for(profile)} }}
""")
    ).meters["m"]
    shown, read = meter.values, _read(meter)
    assert shown is not None
    assert set(read) == set(profile.by_quantity)
    for quantity, value in read.items():
        register = profile.register_of(quantity)
        step = abs(register.factor(meter.plan.spec.ratios)) * (1 if not register.type.startswith("float") else 1e-3)
        assert value == pytest.approx(shown[quantity], abs=max(step, register.step), rel=1e-6), quantity


FURNACE = """
[[meter]]
id = "m"
profile = "{profile}"
port = "bus"
unit = 1
point = "p"
energy = {energy}
running = false
energised = false
ct_noise = 0.5
load = {{ kind = "furnace", power = 720e3, ramp = 0, noise = 0 }}
[[event]]
at = 60
for = 100
meter = "m"
what = "run"
"""


@pytest.mark.requirement("sim.energy.integrates")
def test_energy_register_integrates_power_and_not_noise(scenario: Load) -> None:
    """720 kW for 100 s are 20 kWh; before and after, transformer noise shows as current and turns nothing."""
    plant = _plant(scenario(FURNACE.format(profile="eastron-sdm630", energy=1_000_000)))
    meter = plant.meters["m"]
    seen = {}
    for t in (0, 59, 61, 160, 161, 400):
        plant.advance(float(t))
        seen[t] = _read(meter)
    assert seen[0]["current_l1"] + seen[0]["current_l2"] + seen[0]["current_l3"] > 0
    assert seen[59]["active_energy_import"] == 1_000_000
    assert (seen[59]["voltage_l1"], seen[59]["frequency"]) == (0, 0)
    assert seen[61]["active_power"] == pytest.approx(720e3)
    assert seen[61]["voltage_l1"] == pytest.approx(220, rel=0.05)
    assert seen[161]["active_energy_import"] == seen[400]["active_energy_import"] == pytest.approx(1_020_000, abs=10)
    assert (seen[161]["active_power"], seen[161]["voltage_l1"]) == (0, 0)


@pytest.mark.requirement("sim.energy.rollover")
def test_energy_register_rolls_over_at_its_modulus(scenario: Load) -> None:
    """A 32-bit count of 0.1 kWh starts again at 2³² of them."""
    profile = load_profile("acrel-adl400")
    step = profile.register_of("active_energy_import").step
    full = 2**32 * step
    plant = _plant(scenario(FURNACE.format(profile="acrel-adl400", energy=full - 10_000)))
    assert _read(plant.meters["m"])["active_energy_import"] == pytest.approx(full - 10_000)
    plant.advance(200.0)
    assert _read(plant.meters["m"])["active_energy_import"] == pytest.approx(10_000, abs=step)


SWITCHED = """
[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p"
energised = false
running = false
load = { kind = "steady", power = 1000 }
[[event]]
at = 10
meter = "m"
what = "energise"
[[event]]
at = 20
for = 10
meter = "m"
what = "run"
[[event]]
at = 25
for = 2
meter = "m"
what = "stop"
[[event]]
at = "0:00:40"
meter = "m"
what = "cut"
[[event]]
at = 50
for = 5
meter = "m"
what = "set"
values = { frequency = 47.5 }
"""


def test_events_switch_voltage_and_load(scenario: Load) -> None:
    """Voltage without load, load, a pause, voltage again, nothing; and a reading that is made up."""
    records: list[Record] = []
    plant = _plant(scenario(SWITCHED), records)
    shown = {}
    for t in range(60):
        plant.advance(float(t))
        values = plant.meters["m"].values
        assert values is not None
        shown[t] = (values["voltage_l1"] > 0, values["active_power"] > 0)
        assert (values["frequency"] == 47.5) == (50 <= t < 55)
    assert [t for t in shown if shown[t][0]] == list(range(10, 40))
    assert [t for t in shown if shown[t][1]] == [20, 21, 22, 23, 24, 27, 28, 29]
    events = [(r["t"], r["event"]) for r in records if "event" in r]
    assert events == [
        (0, "scenario_begins"),
        (10, "energise_begins"),
        (20, "run_begins"),
        (25, "stop_begins"),
        (27, "stop_ends"),
        (30, "run_ends"),
        (40, "cut_begins"),
        (50, "set_begins"),
        (55, "set_ends"),
    ]


@pytest.mark.requirement("sim.wire.as-a-meter")
def test_meter_takes_the_reads_of_its_profile_only(scenario: Load) -> None:
    """Function 1, address 2 and length 3 are refused by name; unused registers inside a block are 0."""
    meter = _plant(scenario(SWITCHED)).meters["m"]
    assert meter.read(3, 0, 2) is Refused.FUNCTION
    assert meter.read(4, 0x46, 81) is Refused.VALUE
    assert meter.read(4, 0x46, 0) is Refused.VALUE
    assert meter.read(4, 0x4C, 2) is Refused.ADDRESS
    assert meter.read(4, 0xFFFF, 2) is Refused.ADDRESS
    assert meter.read(4, 0x42, 2) == [0, 0]


def test_every_quantity_of_the_vocabulary_has_bounds_that_a_furnace_keeps(scenario: Load) -> None:
    """No simulated value is one that a reader would call out of range."""
    plant = _plant(scenario(FURNACE.format(profile="eastron-sdm630", energy=0)))
    for t in range(0, 200, 5):
        plant.advance(float(t))
        values = plant.meters["m"].values or {}
        assert [q for q, v in values.items() if not QUANTITIES[q].plausible(v)] == []
        assert all(values[q] >= 0 for q in values if QUANTITIES[q].kind is Kind.REGISTER)
