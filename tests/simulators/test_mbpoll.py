"""An independent Modbus master, Debian's mbpoll, reads what a meter shows."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stillcold_core.profiles import decode
from stillcold_sim.scenario import Scenario, load_scenario
from stillcold_sim.serve import Served, serving
from support import require_program

METER = """
[[meter]]
id = "{id}"
profile = "eastron-sdm630"
port = "{port}"
unit = 17
point = "{id}"
energy = 31_904_120
load = {{ kind = "steady", power = 40e3, power_factor = 0.9, noise = 0 }}
"""
_VALUE = re.compile(r"^\[(\d+)\]:\s+(-?[0-9.]+)$", re.MULTILINE)


async def _poll(*arguments: str) -> dict[int, float]:
    """The floats of the two blocks that hold what is compared, by address."""
    found: dict[int, float] = {}
    for first, count in (("0", "9"), (str(0x34), "11")):
        command = ["-1", "-q", "-a", "17", "-B", "-0", "-t", "3:float", "-r", first, "-c", count, *arguments]
        process = await asyncio.create_subprocess_exec(
            require_program("mbpoll"), *command, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output
        found |= {int(address): float(value) for address, value in _VALUE.findall(output.decode())}
    return found


def _check(served: Served, meter: str, polled: dict[int, float]) -> None:
    """Compare with what the profile decodes from the same registers; the scenario stands still meanwhile."""
    sim = served.plant.meters[meter]
    for quantity in ("voltage_l1", "current_l2", "active_power_l3", "active_power", "active_energy_import"):
        register = sim.plan.profile.register_of(quantity)
        words = sim.read(4, register.address, 2)
        assert isinstance(words, list)
        value = decode(sim.plan.profile, register, words)
        assert isinstance(value, float)
        unit = 1e-3 if quantity.startswith("active_energy") else 1.0
        assert polled[register.address] == pytest.approx(value * unit, abs=register.step * unit, rel=1e-5), quantity


@pytest.mark.requirement("sim.wire.mbpoll")
async def test_mbpoll_reads_over_tcp(scenario: Callable[[str], Scenario]) -> None:
    """Function 4, 32-bit floats, high word first."""
    async with serving(scenario(METER.format(id="m", port="bus")), speed=1e-6) as served:
        host, port = served.tcp("bus")
        polled = await _poll("-m", "tcp", "-p", str(port), host)
        _check(served, "m", polled)


@pytest.mark.requirement("sim.wire.mbpoll")
async def test_mbpoll_reads_over_the_pseudo_terminal(write: Callable[[str], Path], tmp_path: Path) -> None:
    """The same by RTU over the link, twice, as clients come and go; the link goes with the simulator."""
    link = tmp_path / "tty" / "meters"
    text = f'name = "test"\n[[port]]\nid = "line"\nkind = "rtu"\nlink = "{link}"\n' + METER.format(id="m", port="line")
    async with serving(load_scenario(write(text)), speed=1e-6) as served:
        for _ in range(2):
            polled = await _poll("-m", "rtu", "-b", "9600", "-P", "none", str(link))
            _check(served, "m", polled)
    assert not link.is_symlink()
