"""modpoll (PyPI), which nobody here wrote, reads what meters show."""

import json
import subprocess
from pathlib import Path

import pytest

from stillcold_core.profiles import Profile, Register, load_profile, plan_reads, profile_names
from stillcold_core.profiles.model import Ratios
from stillcold_sim.testing import MeterMaker, RunningPlant, modbus_meter, modbus_plant
from support.strangers import require_stranger

__all__ = ["modbus_meter", "modbus_plant"]
UNIT = 9
_FUNCTIONS = {2: "discrete_input", 3: "holding_register", 4: "input_register"}
_TYPES = {"uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"}
_SHORT = {"big": "BE", "little": "LE"}


@pytest.mark.slow
@pytest.mark.requirement("sim.wire.modpoll")
@pytest.mark.parametrize("profile", [n for n in profile_names() if load_profile(n).kind != "contacts"])
def test_modpoll_reads_every_register_of_a_model(modbus_meter: MeterMaker, tmp_path: Path, profile: str) -> None:
    """Over TCP, with its own decoding of types and of byte and word orders, at a load that the smallest can show."""
    plant = modbus_meter(profile, unit=UNIT, power=20e3)
    host, port = plant.address()
    _check(plant, load_profile(profile), _poll(load_profile(profile), tmp_path, "--tcp", host, "--tcp-port", str(port)))


@pytest.mark.slow
@pytest.mark.requirement("sim.wire.modpoll")
@pytest.mark.parametrize("kind", ["rtu", "rtu_over_tcp"])
def test_modpoll_reads_rtu_frames(modbus_meter: MeterMaker, tmp_path: Path, kind: str) -> None:
    """On a pseudo-terminal and through TCP."""
    profile = load_profile("acrel-adw300")
    plant = modbus_meter(profile.model, unit=UNIT, kind=kind)
    place = plant.device() if kind == "rtu" else "socket://{}:{}".format(*plant.address())
    _check(plant, profile, _poll(profile, tmp_path, "--serial", place))


def _poll(profile: Profile, folder: Path, *place: str) -> dict[str, float]:
    """Raw numbers by quantity."""
    (folder / "map.csv").write_text(_map(profile))
    command = [require_stranger("modpoll==1.6.0", "pyserial==3.5"), "-1", "--interval", "0", "--timeout", "1", *place]
    out = folder / "out.json"
    done = subprocess.run(
        [*command, "-f", str(folder / "map.csv"), "-o", str(out)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(out.read_text())["meter"]
    return found


def _map(profile: Profile) -> str:
    """The profile as modpoll wants it: a poll for each request and byte order, and what lies in it."""
    lines = [f"device,meter,{UNIT},,"]
    for read in plan_reads(profile, [r for r in profile.register if r.type in _TYPES]):
        for orders in sorted({profile.orders(r) for r, _ in read.registers}):
            endian = "_".join(_SHORT[o] for o in orders)
            lines.append(f"poll,{_FUNCTIONS[read.function]},{read.address},{read.count},{endian}")
            same = [r for r, _ in read.registers if profile.orders(r) == orders]
            lines += [f"ref,{r.quantity},{profile.wire_address(r)},{r.type},r" for r in same]
    return "\n".join(lines) + "\n"


def _check(plant: RunningPlant, profile: Profile, polled: dict[str, float]) -> None:
    values = plant.values()
    expected = [r for r in profile.register if r.type in _TYPES]
    assert expected
    for register in expected:
        assert _meant(register, polled[register.quantity]) == pytest.approx(
            values[register.quantity], abs=0.51 * 10.0**register.exponent
        ), register.quantity


def _meant(register: Register, number: float) -> float:
    if register.transform == "four_quadrant" and abs(number) > 1:
        number = (2 if number > 0 else -2) - number
    return number * register.factor(Ratios())
