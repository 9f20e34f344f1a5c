"""What the command line prints."""

import asyncio
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import stillcold_agent
from stillcold_agent.app import sole_use
from stillcold_agent.cli import main
from stillcold_agent.identity import load_or_make_key
from stillcold_core.profiles import Profile
from stillcold_core.registry import load_registry
from support.raw_meter import RawMeter, Registers

HEAD = 'gateway = "gw-1"\ndata_dir = "data"\n'
DEVICE = '[[device]]\nbus = "b"\nprofile = "eastron-sdm630"\n'


def configured(folder: Path, port: int, rest: str) -> Path:
    bus = f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\ntimeout = 0.2\n'
    (folder / "agent.toml").write_text(HEAD + bus + rest)
    return folder / "agent.toml"


@pytest.mark.requirement("agent.check-config.registry")
def test_check_config_prints_the_registry_entry(tmp_path: Path) -> None:
    """It can be put into a registry file as it stands; the key is made once."""
    file = configured(tmp_path, 502, DEVICE + 'unit = 1\npoint = "p1"\n')
    outputs = [CliRunner().invoke(main, ["check-config", "--config", str(file)]) for _ in range(2)]
    assert [o.exit_code for o in outputs] == [0, 0]
    assert outputs[0].stdout == outputs[1].stdout
    lines = outputs[0].stdout.splitlines()
    (tmp_path / "registry.toml").write_text("\n".join(lines[lines.index("[[gateway]]") :]))
    (gateway,) = load_registry(tmp_path / "registry.toml").gateway
    assert gateway.id == "gw-1"
    load_or_make_key(tmp_path / "data")


@pytest.mark.requirement("agent.read-once.table")
async def test_read_once_prints_every_value_or_why_there_is_none(tmp_path: Path, sdm630: Profile) -> None:
    """Value, unit, register words, cause; the exit code says whether every meter answered."""
    shown = Registers(sdm630, {"frequency": 49.98, "active_power": 1234.0})
    async with RawMeter(lambda r: shown(r) if r.unit == 1 else None) as far:
        devices = "".join(DEVICE + f'unit = {u}\npoint = "p{u}"\nskip = ["power_factor"]\n' for u in (1, 2))
        file = configured(tmp_path, far.port, devices)
        result = await asyncio.to_thread(CliRunner().invoke, main, ["read-once", "--config", str(file)])
    assert result.exit_code == 1
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in result.stdout.splitlines()}
    assert rows["point", "quantity"] == ["value", "unit", "raw", "absent"]
    assert rows["p1", "frequency"] == ["49.98", "Hz", "4247", "eb85"]
    assert rows["p1", "active_power"] == ["1234", "W", "449a", "4000"]
    assert rows["p2", "frequency"] == ["Hz", "timeout"]
    assert ("p1", "power_factor") not in rows
    assert not (tmp_path / "data").exists()


@pytest.mark.requirement("agent.read-once.mbpoll")
async def test_read_once_shows_what_another_program_reads(tmp_path: Path, sdm630: Profile) -> None:
    """mbpoll, of another author, reads the same register."""
    mbpoll = shutil.which("mbpoll")
    if mbpoll is None:
        pytest.skip("mbpoll is not installed")
    async with RawMeter(Registers(sdm630, {"frequency": 49.98})) as far:
        file = configured(tmp_path, far.port, DEVICE + 'unit = 1\npoint = "p1"\nonly = ["frequency"]\n')
        ours = await asyncio.to_thread(CliRunner().invoke, main, ["read-once", "--config", str(file)])
        command = [mbpoll, "-m", "tcp", "-p", str(far.port), "-a", "1", "-0", "-r", "70", "-c", "1", "-t", "3:float"]
        theirs = await asyncio.to_thread(
            subprocess.run, [*command, "-B", "-1", "127.0.0.1"], capture_output=True, text=True, check=True
        )
    assert ours.exit_code == 0
    shown = float(theirs.stdout.split("[70]:")[1].split()[0])
    assert f"{shown:.2f}" == ours.stdout.splitlines()[1].split()[2] == "49.98"


def test_the_version_is_the_distributions() -> None:
    """The status message and the command line say the same."""
    assert stillcold_agent.__version__ == importlib.metadata.version("stillcold-agent")
    assert stillcold_agent.__version__ in CliRunner().invoke(main, ["--version"]).stdout


@pytest.mark.requirement("agent.read-once.table")
async def test_read_once_leaves_the_bus_of_a_running_agent_alone(tmp_path: Path) -> None:
    """Two masters would disturb each other."""
    async with RawMeter() as far:
        file = configured(tmp_path, far.port, DEVICE + 'unit = 1\npoint = "p1"\n')
        with sole_use(tmp_path / "data"):
            result = await asyncio.to_thread(CliRunner().invoke, main, ["read-once", "--config", str(file)])
    assert result.exit_code == 2
    assert "an agent runs" in result.stderr
    assert far.connections == 0


@pytest.mark.requirement("agent.light")
def test_an_agent_that_runs_has_no_tool_in_memory() -> None:
    """They are loaded when one is asked for, by ``--help`` too."""
    code = "import sys, stillcold_agent.cli; print(*(m for m in sys.modules if m.startswith('stillcold_agent.tools.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
    assert "probe" in CliRunner().invoke(main, ["--help"]).stdout


@pytest.mark.requirement("agent.light")
def test_the_agent_needs_nothing_of_a_server() -> None:
    """Nothing heavy is imported, so that it runs on a small gateway."""
    code = "import sys, stillcold_agent.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "numpy",
        "sqlalchemy",
        "fastapi",
        "uvicorn",
        "influxdb_client",
        "apprise",
        "numba",
        "scipy",
        "pandas",
        "pyarrow",
    }
    assert heavy.isdisjoint(loaded)
    assert {"pymodbus", "paho", "click"} <= set(loaded)
