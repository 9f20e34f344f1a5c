"""The live table, beside an agent and without one."""

import asyncio
import os
import socket
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stillcold_agent.app import sole_use
from stillcold_agent.cli import main
from stillcold_agent.config import load_config
from stillcold_agent.observe.live import Live, LiveBus, LiveMeter, LiveState, LiveUplink
from stillcold_agent.observe.window import look_in
from stillcold_agent.tools.watch.look import watch
from stillcold_agent.tools.watch.table import table_of
from stillcold_core.profiles import Profile
from stillcold_core.readings import Absence, Sample
from support import Mosquitto, Process, wait_for_async
from support.meters import meter
from support.raw_meter import RawMeter, Registers

SHOWN = {
    "voltage_l1": 221.0, "voltage_l2": 222.0, "voltage_l3": 220.0, "current_l1": 9.0, "current_l2": 8.0,
    "current_l3": 7.5, "active_power": 5300.0, "active_energy_import": 5_009_660.0,
}  # fmt: skip
ROW = "221/222/220 9/8/7.5 5.300 5009.7"
BUS = LiveBus("b" * 20, 123_456, 1234, 56, 7, 1, 2, 0.012, 1.5, 30.0)


def configured(folder: Path, port: int, broker: int = 1883) -> Path:
    (folder / "agent.toml").write_text(
        f'gateway = "gw-1"\ndata_dir = "data"\n[mqtt]\nport = {broker}\n'
        f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\ntimeout = 0.3\n'
        '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\ninterval = 0.2\n'
        '[[device]]\nbus = "b"\nunit = 2\nprofile = "eastron-sdm630"\npoint = "p2"\nsealed = true\nrated_power = 1e6\n'
    )
    return folder / "agent.toml"


def meters(profile: Profile) -> RawMeter:
    """Unit 1 shows numbers, unit 2 is silent."""
    return RawMeter(lambda r: Registers(profile, SHOWN)(r) if r.unit == 1 else None)


async def watched(path: Path) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, ["watch", "--once", "--config", str(path)])


def squeezed(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines]


def near(place: Path) -> str:
    """A socket's name must be short."""
    return os.path.relpath(place)


def connected(place: str) -> socket.socket:
    """Somebody who looks in; waits where too many do."""
    one = socket.socket(socket.AF_UNIX)
    one.connect(place)
    return one


def agent_at(path: Path, log: Path) -> Process:
    return Process([str(Path(sys.executable).with_name("stillcold-agent")), "run", "--config", str(path)], log)


@pytest.mark.requirement("agent.watch.table")
def test_every_meter_and_bus_has_a_row_of_80_columns() -> None:
    """A quantity that is missing stands with its cause, and is no 0; contacts and water stand below their point."""
    absent = {"frequency": Absence.EXCEPTION, "voltage_thd_l1": Absence.EXCEPTION, "power_factor": Absence.OUT_OF_RANGE}
    far = [
        LiveMeter("p" * 20, "b", 1, True, 99.5, dict(SHOWN, current_l1=12_345.6, active_power=-123_456_789.0), absent),
        LiveMeter("phase-lost", "b", 2, False, 0.0, {"voltage_l1": 0.0, "voltage_l3": 221.0}, {}),
        LiveMeter("seal", "b", 3, False, -900.0, {"seal_closed": 1.0, "water_flow": 3.5}, {}),
        LiveMeter("silent", "b", 4, False, 99.0, {}, dict.fromkeys(SHOWN, Absence.TIMEOUT)),
        LiveMeter("new", "b", 5, False, None, {}, {}),
    ]
    lines = list(table_of(LiveState("gw-1", 100.0, 40.0, far, [BUS], LiveUplink(True, 3, 12.0))))
    assert max(map(len, lines)) <= 80
    assert lines[0] == "gw-1  1970-01-01 00:01:40 UTC  broker connected, 3 batches wait, oldest 12 s"
    assert squeezed(lines[3:]) == [
        "*pppppppppppppp… 0.5 221/222/220 12346/8/7.5 -123456.789 5009.7",
        "exception: frequency voltage_thd_l1",
        "out_of_range: power_factor",
        "phase-lost 2 m 0/-/221",
        "seal 17 m",
        "seal_closed 1, water_flow 3.5 m³/h",
        "silent 1.0",
        "timeout: everything",
        "new",
        "not read yet",
        "",
        "bus busy requests timeout except garbage resting late s most",
        "bbbbbbbbbbbbbbb… 50% 123456 1234 56 7 2 0.012 1.50",
    ]


@pytest.mark.requirement("agent.watch.table")
def test_what_a_reading_did_not_ask_for_stays_until_the_meter_is_silent(sdm630: Profile) -> None:
    """The energy register of a line that may run is read once a minute."""
    live = Live("gw-1", [meter(sdm630)], [], 0.0)
    live.take(Sample("p1", 1.0, {"voltage_l1": 221.0, "active_energy_import": 5e6}))
    live.take(Sample("p1", 2.0, {"voltage_l1": 222.0}))
    (shown,) = live.state(2.0).meters
    assert (shown.read, shown.values) == (2.0, {"voltage_l1": 222.0, "active_energy_import": 5e6})
    live.take(Sample("p1", 3.0, {"voltage_l1": Absence.TIMEOUT}))
    (shown,) = live.state(3.0).meters
    assert (shown.values, shown.absent) == ({}, {"voltage_l1": Absence.TIMEOUT})


@pytest.mark.requirement("agent.watch.alone")
async def test_without_an_agent_the_meters_are_read(tmp_path: Path, sdm630: Profile) -> None:
    """Each once; a silent one is there with its cause."""
    async with meters(sdm630) as far:
        result = await watched(configured(tmp_path, far.port))
    assert result.exit_code == 0, result.output
    lines = squeezed(result.stdout.splitlines())
    assert "no agent runs, read from here" in lines[0]
    assert any(line.startswith("p1 ") and line.endswith(ROW) for line in lines)
    assert lines[lines.index("timeout: everything") - 1].startswith("*p2")
    assert not (tmp_path / "data").exists()


@pytest.mark.requirement("agent.watch.beside")
async def test_beside_an_agent_its_own_readings_are_shown(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile
) -> None:
    """The bus is not shared: there is one connection, the agent's; nobody else may look in."""
    async with meters(sdm630) as far:
        path = configured(tmp_path, far.port, mosquitto.port)
        with agent_at(path, tmp_path / "log") as agent:
            await wait_for_async(lambda: (tmp_path / "data" / "live.sock").exists() or not agent.alive)
            await wait_for_async(lambda: len([r for r in far.requests if r.unit == 2]) > 1)
            result = await watched(path)
            assert result.exit_code == 0, result.output
            mode = (tmp_path / "data").stat().st_mode
            assert await asyncio.to_thread(agent.stop) == 0
    lines = squeezed(result.stdout.splitlines())
    assert "broker connected" in lines[0]
    assert any(line.startswith("p1 ") and line.endswith(ROW) for line in lines)
    assert any(line.startswith("b ") for line in lines)
    assert far.connections == 1
    assert stat.S_IMODE(mode) == 0o700
    assert not (tmp_path / "data" / "live.sock").exists()


@pytest.mark.requirement("agent.watch.beside")
async def test_an_agent_that_starts_gets_the_bus(tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile) -> None:
    """And when it ends, the table goes on by itself."""
    heads: list[str] = []
    async with meters(sdm630) as far:
        path = configured(tmp_path, far.port, mosquitto.port)
        work = asyncio.create_task(watch(load_config(path), 0.05, False, lambda lines: heads.append(lines[0])))
        await wait_for_async(lambda: "no agent runs" in "".join(heads))
        with agent_at(path, tmp_path / "log") as agent:
            await wait_for_async(lambda: (tmp_path / "data" / "live.sock").exists() or not agent.alive)
            await wait_for_async(lambda: "batches wait" in heads[-1] or work.done())
            assert await asyncio.to_thread(agent.stop) == 0
        await wait_for_async(lambda: "no agent runs" in heads[-1] or work.done())
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@pytest.mark.requirement("agent.watch.beside")
async def test_an_agent_that_does_not_tell_is_left_alone(tmp_path: Path) -> None:
    """One clear line, and no question on its bus."""
    async with RawMeter() as far:
        path = configured(tmp_path, far.port)
        with sole_use(tmp_path / "data"):
            result = await watched(path)
    assert result.exit_code == 2
    assert "two masters would disturb each other" in result.stderr
    assert far.connections == 0


async def test_those_who_watch_do_not_hinder_the_agent(tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile) -> None:
    """Whoever looks in and takes nothing is one of four."""
    async with meters(sdm630) as far:
        path = configured(tmp_path, far.port, mosquitto.port)
        place = tmp_path / "data" / "live.sock"
        with agent_at(path, tmp_path / "log") as agent:
            await wait_for_async(lambda: place.exists() or not agent.alive)
            idle = [await asyncio.to_thread(connected, near(place)) for _ in range(20)]
            asked = len(far.requests)
            await wait_for_async(lambda: len(far.requests) > asked + 10 or not agent.alive)
            for one in idle:
                one.close()
            assert (await look_in(tmp_path / "data")).gateway == "gw-1"
            assert await asyncio.to_thread(agent.stop) == 0
