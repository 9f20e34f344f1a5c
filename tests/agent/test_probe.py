"""Finding meters, and the profile that fits each."""

import asyncio
import os
import re
import signal
import sys
import termios
import tomllib
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from stillcold_agent.app import sole_use
from stillcold_agent.cli import main
from stillcold_agent.config import Config, RtuOverTcpBus
from stillcold_agent.tools.probe.target import buses_of, units_of
from stillcold_core.profiles import Profile, load_profile, profile_names
from stillcold_sim.scenario import load_scenario
from stillcold_sim.testing import MeterMaker, RunningPlant, modbus_meter, modbus_plant
from stillcold_sim.wire.library import RtuFraming
from support import Process
from support.raw_meter import RawMeter, Registers, frame
from support.whole_house import one_of_each

__all__ = ["modbus_meter", "modbus_plant"]
LIVE = {
    "voltage_l1": 221.0, "voltage_l2": 222.0, "voltage_l3": 220.0, "current_l1": 9.0, "frequency": 49.98,
    "active_energy_import": 5_009_660.0,
}  # fmt: skip


async def probed(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, ["probe", *arguments])


def said_of(output: str) -> dict[int, str]:
    """The verdict by unit, its lines joined."""
    found = re.findall(r"^unit (\d+): ((?:it is|a tie|none|nothing).*\n(?:  .+\n)*)", output, re.MULTILINE)
    return {int(unit): " ".join(text.split()) for unit, text in found}


@pytest.fixture(scope="module", params=["tcp", "rtu", "rtu_over_tcp"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``probe`` says of a meter of each profile, on one port of each kind."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "test.toml").write_text(one_of_each(request.param))
    plant = RunningPlant(load_scenario(folder / "test.toml"), speed=None, seed=None)
    options = {"rtu": ["--baud-rate", "115200", "--timeout", "1"], "rtu_over_tcp": ["--rtu-over-tcp"], "tcp": []}
    target = plant.device() if request.param == "rtu" else ":".join(map(str, plant.address()))
    units = f"1-{len(profile_names())}"
    result = CliRunner().invoke(main, ["probe", target, "--units", units, *options[request.param]])
    plant.close()
    assert result.exit_code == 0, result.output
    return result.stdout


def pasted(output: str) -> Config:
    """The lines for ``agent.toml``, loaded."""
    _, _, lines = output.partition("# for agent.toml\n")
    return msgspec.convert(tomllib.loads('gateway = "gw"\n' + lines), Config)


@pytest.mark.requirement("agent.probe.profile")
@pytest.mark.parametrize("model", profile_names())
def test_each_shipped_profile_is_suggested_for_its_meter(house: str, model: str) -> None:
    """Or it is among those that it is said to tie with."""
    unit = profile_names().index(model) + 1
    said = said_of(house)[unit]
    assert said == f"it is {model}" or (said.startswith("a tie: ") and model in re.split(r"[ ,]+", said))
    device = next(d for d in pasted(house).device if d.unit == unit)
    assert device.profile == model or said.startswith("a tie: ")


@pytest.mark.requirement("agent.probe.profile")
def test_a_tie_is_told_only_where_one_profile_holds_the_other(house: str) -> None:
    """Those that are tied read the same registers, or one of them some more that show 0."""
    for said in said_of(house).values():
        models = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)+", said)
        places = [
            {(p.function_of(r), p.wire_address(r), r.type, r.quantity) for r in p.register}
            for p in map(load_profile, models)
        ]
        assert all(p <= max(places, key=len) for p in places), said


@pytest.mark.requirement("agent.probe.paste")
def test_the_suggested_lines_are_a_configuration(house: str) -> None:
    """Every unit that was found, on the bus that was searched; no line is wider than 80 columns."""
    config = pasted(house)
    assert [d.unit for d in config.device] == list(range(1, len(profile_names()) + 1))
    assert {d.bus for d in config.device} == {config.bus[0].id}
    assert max(map(len, house.splitlines())) <= 80


@pytest.mark.requirement("agent.probe.serial")
async def test_a_meter_on_a_serial_line_is_found(modbus_meter: MeterMaker) -> None:
    """By RTU over a pseudo-terminal."""
    device = modbus_meter("eastron-sdm630", unit=3, kind="rtu").device()
    result = await probed(device, "--units", "2-4", "--timeout", "0.3")
    assert said_of(result.stdout) == {3: "it is eastron-sdm630"}
    assert f"{device}, 9600 baud 8N1" in result.stdout
    assert result.exit_code == 0


@pytest.mark.requirement("agent.probe.serial")
async def test_a_meter_behind_a_transparent_converter_is_found(modbus_meter: MeterMaker) -> None:
    """By the frames of a serial line over TCP; as Modbus TCP nobody answers there."""
    host, port = modbus_meter("chint-dtsu666", unit=3, kind="rtu_over_tcp").address()
    target = f"{host}:{port}"
    result = await probed(target, "--units", "3", "--rtu-over-tcp")
    assert said_of(result.stdout) == {3: "it is chint-dtsu666"}
    assert isinstance(pasted(result.stdout).bus[0], RtuOverTcpBus)
    wrong = await probed(target, "--units", "3", "--timeout", "0.2")
    assert wrong.exit_code == 1


@pytest.mark.requirement("agent.probe.nobody")
@pytest.mark.parametrize("code", [10, 11])
async def test_a_converter_that_finds_nobody_is_no_meter(code: int) -> None:
    """Exceptions 10 and 11 are the converter's own (Modbus Application Protocol V1.1b3, section 7)."""
    async with RawMeter(lambda r: frame(r, bytes((0x80 | r.function, code if r.unit != 2 else 2)))) as far:
        result = await probed(f"127.0.0.1:{far.port}", "--units", "1-3")
    assert re.findall(r"^unit (\d+): answers", result.stdout, re.MULTILINE) == ["2"]


@asynccontextmanager
async def meter_at(speed: int) -> AsyncIterator[str]:
    """Unit 1 on a line that hears only what is sent at one speed, and answers noise to the rest; its device."""
    ours, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(ours, False)
    framing = RtuFraming()

    def answer() -> None:
        data = os.read(ours, 256)
        if termios.tcgetattr(far)[4] != speed:
            os.write(ours, b"\x00\xfe\x80")
        elif data[0] == 1:
            os.write(ours, framing.build(1, 0, bytes((data[1] | 0x80, 2))))

    asyncio.get_running_loop().add_reader(ours, answer)
    try:
        yield os.ttyname(far)
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        os.close(far)


@pytest.mark.requirement("agent.probe.serial")
async def test_the_speed_of_the_line_is_found() -> None:
    """At other speeds there is only noise."""
    async with meter_at(termios.B19200) as device:
        result = await probed(device, "--units", "1-2", "--timeout", "0.1", "--parity", "N")
    found = result.stdout.split("\n\n")
    assert "9600 baud 8N1\nunit 1: garbage" in found[1]
    assert "19200 baud 8N1\nunit 1: answers" in found[2]
    assert "4800 baud" not in result.stdout
    assert "unit 1: none of these profiles fits" in result.stdout


async def test_a_meter_without_voltage_is_not_named_for_sure(sdm630: Profile) -> None:
    """Its energy register alone fits many a meter."""
    async with RawMeter(Registers(sdm630, {"active_energy_import": 5e6})) as far:
        result = await probed(f"127.0.0.1:{far.port}", "--units", "1")
    assert said_of(result.stdout)[1].startswith("nothing that it shows tells (no voltage?)")


@pytest.mark.requirement("agent.probe.read-only")
async def test_only_questions_are_sent(sdm630: Profile) -> None:
    """Functions 1 to 4, and to the units that were named."""
    async with RawMeter(lambda r: Registers(sdm630, LIVE)(r) if r.unit == 9 else None) as far:
        result = await probed(f"127.0.0.1:{far.port}", "--units", "8-9", "--timeout", "0.2", "--orders")
    assert "eastron-sdm630" in said_of(result.stdout)[9]
    assert {r.function for r in far.requests} <= {1, 2, 3, 4}
    assert {r.unit for r in far.requests} == {8, 9}


@pytest.mark.requirement("agent.probe.orders")
async def test_other_orders_and_addresses_are_tried(sdm630: Profile) -> None:
    """A meter that counts its registers from 1 and gives the low word first."""
    moved = tuple(msgspec.structs.replace(r, address=r.address + 1) for r in sdm630.register)
    odd = msgspec.structs.replace(sdm630, word_order="little", register=moved)
    async with RawMeter(Registers(odd, LIVE)) as far:
        result = await probed(f"127.0.0.1:{far.port}", "--units", "1", "--orders")
    best = 'eastron-sdm630 with byte_order = "big", word_order = "little", every address +1: '
    assert best in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    frequency = rows.index(["frequency,", "float32,", "usually", "49", "to", "51"])
    assert rows[frequency + 3][:3] == ["71", rows[frequency + 3][1], "49.98*"]
    assert sum(cell.endswith("*") for row in rows[frequency + 1 : frequency + 4] for cell in row) == 1


@pytest.mark.requirement("agent.probe.cut-short")
async def test_what_was_found_is_kept_when_it_is_cut_short(tmp_path: Path, sdm630: Profile) -> None:
    """By Ctrl-C while units that are not there are asked for."""
    async with RawMeter(lambda r: Registers(sdm630, LIVE)(r) if r.unit == 1 else None) as far:
        program = str(Path(sys.executable).with_name("stillcold-agent"))
        command = [program, "probe", f"127.0.0.1:{far.port}", "--units", "1-200", "--timeout", "30"]
        with Process(command, tmp_path / "log", environment={**os.environ, "PYTHONUNBUFFERED": "1"}) as probe:
            await asyncio.to_thread(probe.wait_for_output, "unit 1: answers")
            code = await asyncio.to_thread(probe.end, signal.SIGINT)
    assert code == 0
    assert "200 questions, 100 min 0 s at most" in probe.output
    assert "stopped; unit 1 was found, not compared with profiles" in probe.output
    assert "Traceback" not in probe.output


@pytest.mark.requirement("agent.probe.beside")
async def test_what_a_running_agent_reads_is_left_alone(tmp_path: Path, sdm630: Profile) -> None:
    """Another place is probed, and the same one when no agent runs."""
    async with RawMeter(Registers(sdm630, LIVE)) as far:
        (tmp_path / "agent.toml").write_text(
            'gateway = "gw"\ndata_dir = "data"\n'
            f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {far.port}\n'
            '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\n'
        )
        options = ("--units", "1", "--config", str(tmp_path / "agent.toml"))
        with sole_use(tmp_path / "data"):
            refused = await probed(f"127.0.0.1:{far.port}", *options)
            assert far.connections == 0
            elsewhere = await probed(f"localhost:{far.port}", *options)
        free = await probed(f"127.0.0.1:{far.port}", *options)
    assert refused.exit_code == 2
    assert f"the agent that runs reads 127.0.0.1:{far.port}" in refused.stderr
    assert (elsewhere.exit_code, free.exit_code) == (0, 0)


async def test_nothing_there_is_said() -> None:
    """No line at all, and nobody on a line."""
    nowhere = await probed("/dev/no-such-line")
    assert nowhere.exit_code == 2
    assert "/dev/no-such-line: cannot be opened" in nowhere.stderr
    async with RawMeter(lambda _: None) as far:
        silent = await probed(f"127.0.0.1:{far.port}", "--units", "1,2", "--timeout", "0.1")
    assert silent.exit_code == 1
    assert "nobody answers" in silent.stdout


@pytest.mark.parametrize("text", ["", "x", "5-1", "300", "1,,2"])
def test_units_that_are_none_are_refused(text: str) -> None:
    """With what would be right."""
    with pytest.raises(click.BadParameter, match="expected units of 0 to 255"):
        units_of(text)


@pytest.mark.parametrize("target", ["", "host:", "host:0", "host:x", ":502"])
def test_a_target_that_is_none_is_refused(target: str) -> None:
    """With what would be right."""
    with pytest.raises(click.BadParameter, match="HOST:PORT"):
        buses_of(target, [9600], ["N"], 1, None)
