"""What is installed on a gateway and beside the server: the examples load, the units hold."""

import configparser
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_agent.cli import main as agent_main
from stillcold_agent.config import load_config as load_agent_config
from stillcold_server.config import load_config as load_server_config
from support import Authority, require_program

FOLDER = Path(__file__).parents[2] / "firmware_config"
UNITS = sorted((FOLDER / "systemd").glob("*.service"))
VENV = Path(sys.executable).parent


def local(name: str, folder: Path, authority: Authority) -> Path:
    """An example with the paths that lie under /etc and /var changed to files that exist here."""
    files = authority.client("kc-017-gw")
    text = (FOLDER / name).read_text(encoding="utf-8")
    for key, value in {
        "ca_file": authority.ca_file,
        "cert_file": files.cert_file,
        "key_file": files.key_file,
    }.items():
        text, found = re.subn(rf'^{key} = ".*?"', f'{key} = "{value}"', text, flags=re.MULTILINE)
        assert found == 1, key
    file = folder / name
    file.write_text(f'data_dir = "{folder / "data"}"\n{text}' if name == "agent.toml" else text, encoding="utf-8")
    return file


@pytest.mark.requirement("firmware.examples")
def test_the_agent_s_example_is_a_good_configuration(tmp_path: Path, authority: Authority) -> None:
    """``check-config`` takes it and prints what the server must know."""
    file = local("agent.toml", tmp_path, authority)
    assert load_agent_config(file).mqtt.port == 8883
    result = CliRunner().invoke(agent_main, ["check-config", "--config", str(file)])
    assert result.exit_code == 0, result.output
    assert 'public_key = "ed25519:' in result.output


@pytest.mark.requirement("firmware.examples")
def test_the_server_s_example_is_a_good_configuration(tmp_path: Path, authority: Authority) -> None:
    """Its database lies where its unit may write."""
    config = load_server_config(local("server.toml", tmp_path, authority))
    assert config.database.startswith("sqlite:////var/lib/stillcold-server/")
    assert config.http.secure_cookies


def settings(unit: Path) -> Mapping[str, str]:
    """Of a unit's service, the last of those that are repeated."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # the documented way to keep the keys' case
    parser.read(unit)
    return parser["Service"]


def commands(unit: Path) -> list[str]:
    """What a unit starts."""
    return settings(unit)["ExecStart"].split()


@pytest.mark.parametrize("unit", UNITS, ids=lambda u: u.stem)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    """With an option that it has."""
    program, command, *options = commands(unit)
    name = Path(program).name
    assert unit.stem == name
    result = subprocess.run([VENV / name, command, "--help"], capture_output=True, text=True, check=True)
    assert options[0] == "--config"
    assert options[0] in result.stdout


@pytest.mark.requirement("firmware.units")
@pytest.mark.parametrize("unit", UNITS, ids=lambda u: u.stem)
def test_systemd_takes_the_unit_and_finds_it_hardened(unit: Path, tmp_path: Path) -> None:
    """No warning, and an exposure of at most 2 of 10."""
    analyze = require_program("systemd-analyze")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/stillcold/bin", str(VENV)))
    verified = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr.strip()) == (0, "")
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", copy], capture_output=True, text=True, check=False
    )
    assert rated.returncode == 0, rated.stdout[-500:]


@pytest.mark.requirement("agent.systemd.watchdog")
def test_the_agent_s_unit_waits_for_it_and_watches_it() -> None:
    """For longer than the agent takes from one sign of life to the next: it divides what the unit says."""
    service = settings(FOLDER / "systemd" / "stillcold-agent.service")
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert int(service["WatchdogSec"]) >= 30


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
def test_the_agent_needs_no_memory_that_is_both_written_and_run() -> None:
    """As its unit demands (MemoryDenyWriteExecute)."""
    assert "MemoryDenyWriteExecute=yes" in (FOLDER / "systemd" / "stillcold-agent.service").read_text()
    result = subprocess.run([VENV / "python", "-c", NO_WRITE_EXECUTE], capture_output=True, text=True, check=False)
    if result.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert result.returncode == 0, result.stderr
