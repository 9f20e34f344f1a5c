"""The units of systemd that are rendered: they start what there is, and hold it."""

import configparser
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from support import require_program
from support.firmware import rendered_broker, rendered_gateway

VENV = Path(sys.executable).parent
OURS = ["stillcold-agent", "stillcold-server"]


@pytest.fixture
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The file of the unit of this name, for programs that lie in this environment and beside it."""
    for out in (
        rendered_gateway(tmp_path, prefix=VENV.parent, image=""),
        rendered_broker(tmp_path, prefix=VENV.parent),
    ):
        file = out / "etc" / "systemd" / "system" / f"{request.param}.service"
        if file.exists():
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace("/usr/local/lib", f"{out}/usr/local/lib"), encoding="utf-8")
            return file
    raise AssertionError(request.param)


def settings(unit: Path) -> Mapping[str, str]:
    """Of a unit's service, the last of those that are repeated."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way to keep the keys' case
    parser.read(unit)
    return parser["Service"]


def commands(unit: Path) -> list[str]:
    """What a unit starts."""
    return settings(unit)["ExecStart"].split()


@pytest.mark.parametrize("unit", OURS, indirect=True)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    """With an option that it has."""
    program, command, *options = commands(unit)
    name = Path(program).name
    assert unit.stem == name
    result = subprocess.run([VENV / name, command, "--help"], capture_output=True, text=True, check=True)
    assert options[0] == "--config"
    assert options[0] in result.stdout


@pytest.mark.requirement("firmware.units")
@pytest.mark.parametrize(
    "unit",
    [*OURS, "mosquitto", "stillcold-broker", "stillcold-data", "stillcold-machine", "stillcold-commit"],
    indirect=True,
)
def test_systemd_takes_the_unit_and_finds_it_hardened(unit: Path) -> None:
    """No warning, and an exposure of at most 2 of 10."""
    analyze = require_program("systemd-analyze")
    if "/usr/bin/rauc" in unit.read_text(encoding="utf-8"):
        require_program("rauc")
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr.strip()) == (0, "")
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True, check=False
    )
    assert rated.returncode == 0, rated.stdout[-500:]


@pytest.mark.requirement("agent.systemd.watchdog")
@pytest.mark.parametrize("unit", ["stillcold-agent"], indirect=True)
def test_the_agent_s_unit_waits_for_it_and_watches_it(unit: Path) -> None:
    """For longer than the agent takes from one sign of life to the next: it divides what the unit says."""
    service = settings(unit)
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert int(service["WatchdogSec"]) >= 30


@pytest.mark.requirement("firmware.units")
def test_the_broker_may_do_what_its_options_say(tmp_path: Path) -> None:
    """Write its snapshot where they say, and listen where only root may otherwise."""
    out = rendered_broker(tmp_path, port=443, data_dir="/srv/broker")
    unit = out / "etc" / "systemd" / "system" / "mosquitto.service"
    service = settings(unit)
    assert service["ReadWritePaths"] == "/srv/broker"
    assert service["AmbientCapabilities"] == service["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    made = (out / "etc" / "tmpfiles.d" / "stillcold-broker.conf").read_text(encoding="utf-8")
    assert "d /srv/broker 0700 mosquitto mosquitto" in made.splitlines()
    analyze = require_program("systemd-analyze")
    subprocess.run([analyze, "verify", unit], check=True)
    subprocess.run([analyze, "security", "--offline=true", "--threshold=20", unit], check=True, capture_output=True)


@pytest.mark.requirement("firmware.units")
@pytest.mark.parametrize("unit", ["stillcold-agent"], indirect=True)
def test_the_drivers_of_adapters_are_loaded_before_the_agent_may_use_them(unit: Path) -> None:
    """systemd resolves a group of devices once, when the service starts (systemd.resource-control, DeviceAllow)."""
    drivers = {"char-ttyUSB": "usbserial", "char-ttyACM": "cdc_acm"}  # who registers the group; the others are built in
    text = unit.read_text(encoding="utf-8")
    assert {line.split("=")[1].split()[0] for line in text.splitlines() if line.startswith("DeviceAllow=")} >= {
        *drivers
    }
    for key in ("Wants", "After"):
        units = [
            word for line in text.splitlines() if line.startswith(f"{key}=") for word in line.split("=", 1)[1].split()
        ]
        assert {f"modprobe@{driver}.service" for driver in drivers.values()} <= {*units}


NO_WRITE_EXECUTE = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: Linux 6.3
    sys.exit(77)
import importlib, pkgutil, stillcold_agent
for module in pkgutil.walk_packages(stillcold_agent.__path__, "stillcold_agent."):
    importlib.import_module(module.name)
from stillcold_agent.boot import clock_is_synchronised
from stillcold_core.evidence.keys import Ed25519PrivateKey
Ed25519PrivateKey.generate().sign(b"x")
clock_is_synchronised()
"""


@pytest.mark.requirement("firmware.units")
@pytest.mark.parametrize("unit", ["stillcold-agent"], indirect=True)
def test_the_agent_needs_no_memory_that_is_both_written_and_run(unit: Path) -> None:
    """As its unit demands (MemoryDenyWriteExecute)."""
    assert settings(unit)["MemoryDenyWriteExecute"] == "yes"
    result = subprocess.run([VENV / "python", "-c", NO_WRITE_EXECUTE], capture_output=True, text=True, check=False)
    if result.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert result.returncode == 0, result.stderr
