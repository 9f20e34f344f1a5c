"""The fixtures for other people's masters."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stillcold_core.files import BadFile
from stillcold_core.profiles import decode, load_profile, profile_names
from stillcold_sim.testing import MeterMaker, PlantMaker, modbus_meter, modbus_plant

__all__ = ["modbus_meter", "modbus_plant"]
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "simulators" / "examples" / "test_my_master.py"


@pytest.mark.requirement("sim.testing.example")
def test_the_documented_example_is_the_one_that_runs() -> None:
    """By pytest in a process of its own, without this tree's configuration."""
    document = (ROOT / "docs" / "testing-your-master.md").read_text(encoding="utf-8")
    assert f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```" in document
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(EXAMPLE.parent)]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:asyncio", str(EXAMPLE)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


@pytest.mark.requirement("sim.testing.meter")
@pytest.mark.parametrize("profile", profile_names())
def test_a_meter_of_any_profile_shows_what_it_is_told(modbus_meter: MeterMaker, profile: str) -> None:
    """Registers, values and the profile agree, and stand still."""
    found = load_profile(profile)
    register = found.register[0]
    value = 1.0 if found.kind == "contacts" else 100.0  # Wh, V or A: what the coarsest register can show
    plant = modbus_meter(profile, unit=7, values={register.quantity: value})
    words = plant.registers(found.function_of(register), found.wire_address(register), register.words)
    assert decode(found, register, words) == plant.values()[register.quantity] == value
    assert set(plant.values()) == set(found.by_quantity)
    assert plant.values() == plant.values()


@pytest.mark.requirement("sim.testing.meter")
def test_energy_goes_on_with_time_that_is_skipped(modbus_meter: MeterMaker) -> None:
    """40 kW for an hour; a register that is not there is refused."""
    plant = modbus_meter(power=40e3)
    assert plant.values()["active_energy_import"] == 12_345_670
    plant.skip(3600)
    assert plant.values()["active_energy_import"] == pytest.approx(12_345_670 + 40e3, abs=20)
    with pytest.raises(ValueError, match="exception 2"):
        plant.registers(4, 9999, 2)


@pytest.mark.requirement("sim.testing.plant")
def test_events_last_as_long_as_their_block(modbus_plant: PlantMaker, tmp_path: Path) -> None:
    """From text and from a file; nested blocks end from the inside."""
    text = (
        'name = "test"\n[[port]]\nid = "a"\n[[meter]]\nid = "m"\nprofile = "eastron-sdm630"\nport = "a"\nunit = 1\n'
        'point = "p"\nload = { kind = "steady", power = 9e3, noise = 0 }\nrunning = false\n'
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "test.toml").write_text(text)
    for plant in (modbus_plant(text), modbus_plant(tmp_path / "other" / "test.toml")):
        assert plant.values()["active_power"] == 0
        with plant.event("run"):
            assert plant.values()["active_power"] == 9e3
            with plant.showing({"frequency": 49.0}):
                assert plant.values()["frequency"] == 49.0
            assert plant.values()["frequency"] != 49.0
        assert plant.values()["active_power"] == 0


@pytest.mark.requirement("sim.testing.plant")
def test_an_owner_evades_for_as_long_as_the_block_lasts(modbus_meter: MeterMaker) -> None:
    """Half of the current passes by the transformers."""
    plant = modbus_meter(power=40e3)
    with plant.evasion("ct_bypass", share=0.5):
        assert plant.values()["active_power"] == pytest.approx(20e3, rel=0.01)
    assert plant.values()["active_power"] == pytest.approx(40e3, rel=0.01)


def test_mistakes_reach_the_test(modbus_plant: PlantMaker, modbus_meter: MeterMaker) -> None:
    """Of a scenario, of a fault, and of a port that cannot be had, in the test's own thread."""
    with pytest.raises(BadFile):
        modbus_plant("no-such-story")
    plant = modbus_meter()
    with pytest.raises(msgspec.ValidationError), plant.fault("no such fault"):
        pass
    taken = f'name = "test"\n[[port]]\nid = "a"\nport = {plant.address()[1]}\n'
    meter = '[[meter]]\nid = "m"\nprofile = "waveshare-8di"\nport = "a"\nunit = 1\npoint = "p"\n'
    zeros = dict.fromkeys(load_profile("waveshare-8di").by_quantity, 0)
    values = "values = { " + ", ".join(f"{name} = {value}" for name, value in zeros.items()) + " }\n"
    with pytest.raises(OSError, match="in use"):
        modbus_plant(taken + meter + values)
