"""A meter of a profile, read by somebody else's Modbus master and by the agent: both say the same."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcold_core.profiles import Register, load_profile
from stillcold_sim.demo.processes import program
from support import Process, free_port, require_program, wait_for
from support.ports import accepts

MODELS = ("eastron-sdm630", "acrel-adw300", "chint-dtsu666", "schneider-pm5000")
_MBPOLL_TYPE = {"float32": "float", "int32": "int", "uint32": "int", "uint16": "", "int16": ""}
VALUES = {
    "voltage_l1": 221.3, "voltage_l2": 219.8, "voltage_l3": 220.4, "current_l1": 412.5, "current_l2": 409.75,
    "current_l3": 415.25, "active_power": 271_000.0, "frequency": 49.98, "active_energy_import": 31_904_000.0,
}  # fmt: skip


@pytest.fixture(params=MODELS)
def meter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A meter that shows fixed values; its model and port."""
    model, port = request.param, free_port()
    shown = "\n".join(f"{q} = {v}" for q, v in VALUES.items() if q in load_profile(model).by_quantity)
    (tmp_path / "fixed.toml").write_text(
        f'name = "fixed"\n[[port]]\nid = "bus"\nport = {port}\n'
        f'[[meter]]\nid = "m"\nprofile = "{model}"\nport = "bus"\nunit = 7\npoint = "p"\nload = {{ kind = "dead" }}\n'
        f'[[event]]\nat = 0\nmeter = "m"\nwhat = "set"\n[event.values]\n{shown}\n'
    )
    command = [str(program("stillcold-sim")), "serve", str(tmp_path / "fixed.toml")]
    with Process(command, tmp_path / "meter.log"):
        wait_for(lambda: accepts(port), what="the meter")
        yield model, port


@pytest.mark.requirement("system.mbpoll")
def test_mbpoll_and_read_once_say_the_same(meter: tuple[str, int], tmp_path: Path) -> None:
    model, port = meter
    by_agent = _read_once(model, port, tmp_path)
    for register in load_profile(model).register:
        if register.quantity in VALUES and register.type in _MBPOLL_TYPE:
            assert by_agent[register.quantity] == pytest.approx(_mbpoll(model, register, port), rel=2e-6), register
    for quantity in VALUES.keys() & by_agent.keys():
        step = load_profile(model).register_of(quantity).step
        assert by_agent[quantity] == pytest.approx(VALUES[quantity], abs=step), quantity


def _read_once(model: str, port: int, folder: Path) -> dict[str, float]:
    config = folder / "agent.toml"
    config.write_text(
        f'gateway = "gw"\ndata_dir = "data"\n[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\n'
        f'[[device]]\nbus = "b"\nunit = 7\nprofile = "{model}"\npoint = "p"\n'
    )
    command = [str(program("stillcold-agent")), "read-once", "--config", str(config)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in printed.splitlines()[1:])
    return {row[1]: float(row[2]) for row in rows}


def _mbpoll(model: str, register: Register, port: int) -> float:
    """What mbpoll prints, times the scale that the maker's document gives."""
    profile = load_profile(model)
    table = {3: "4", 4: "3"}[profile.function_of(register)]
    kind = _MBPOLL_TYPE[register.type]
    order = ["-B"] if register.words == 2 and profile.orders(register)[1] == "big" else []
    command = [require_program("mbpoll"), "-m", "tcp", "-a", "7", "-0", "-1", "-c", "1", "-p", str(port), *order]
    command += ["-t", f"{table}:{kind}" if kind else table, "-r", str(profile.wire_address(register)), "127.0.0.1"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^\[\d+\]:\s+(\S+)", printed, re.MULTILINE)
    assert found, printed
    factor = register.scale * {"kWh": 1e3, "kW": 1e3, "Wh": 1.0}.get(register.unit, 1.0)
    return float(found[1]) * factor
