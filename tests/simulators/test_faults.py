"""Each fault as a raw socket sees it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import pytest

from stillcold_core.files import BadFile
from stillcold_sim.plant import Plant
from stillcold_sim.scenario import load_scenario
from stillcold_sim.scenario.fault import What
from stillcold_sim.serve import serving
from support.wire import METERS, Load, Wire, connected, fault, is_frequency, playing

POWER = struct.pack(">BHH", 4, 0x34, 2)
RTU = 'name = "test"\n[[port]]\nid = "bus"\nkind = "rtu_over_tcp"\n' + METERS
ASK = b"\x01\x04\x00\x46\x00\x02\x90\x1e"  # unit 1: two input registers from 70, with its checksum


def _crc(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def _sound(frame: bytes) -> bool:
    return frame[:3] == b"\x01\x04\x04" and frame[7:] == _crc(frame[:7])


@asynccontextmanager
async def rtu(write: Callable[[str], Path], text: str) -> AsyncIterator[Wire]:
    """The two meters behind a device server, with what ``text`` adds."""
    async with serving(load_scenario(write(RTU + text))) as served, connected(served) as wire:
        yield wire


@pytest.mark.requirement("sim.wire.rtu-over-tcp")
async def test_frames_of_a_serial_line_on_a_connection(write: Callable[[str], Path]) -> None:
    """In pieces, and after noise."""
    async with rtu(write, "") as wire:
        wire.send(ASK)
        assert _sound(await wire.some())
        for byte in ASK:
            wire.send(bytes([byte]))
            await asyncio.sleep(0)
        assert _sound(await wire.some())
        wire.send(ASK[:-1] + b"\x00")
        await asyncio.sleep(0.5)  # s; a master's time-out
        wire.send(ASK)
        assert _sound(await wire.some())


@pytest.mark.requirement("sim.fault.bad-crc")
async def test_bad_crc(write: Callable[[str], Path]) -> None:
    """Only the checksum is wrong."""
    async with rtu(write, fault("bad_crc")) as wire:
        wire.send(ASK)
        frame = await wire.some()
    assert frame[:3] == b"\x01\x04\x04"
    assert len(frame) == 9
    assert frame[7:] != _crc(frame[:7])


@pytest.mark.requirement("sim.fault.collision")
async def test_collision(write: Callable[[str], Path], scenario: Load) -> None:
    """Frames come mangled on the line; a gateway to Modbus TCP says that its device failed."""
    async with rtu(write, fault("collision")) as wire:
        wire.send(ASK)
        frame = await wire.some()
    assert len(frame) == 10
    assert frame[-2:] != _crc(frame[:-2])
    assert frame[7:9] != _crc(frame[:7])
    async with playing(scenario, fault("collision")) as (_, wire):
        wire.ask(1, 3)
        assert await wire.frame() == (3, 1, b"\x84\x0b")


@pytest.mark.requirement("sim.fault.wrong-transaction")
async def test_wrong_transaction(scenario: Load) -> None:
    """A sound answer to a question that was not asked."""
    async with playing(scenario, fault("wrong_transaction")) as (_, wire):
        wire.ask(1, 65535)
        tid, unit, pdu = await wire.frame()
    assert (tid, unit) == (0, 1)
    assert is_frequency(pdu)


@pytest.mark.requirement("sim.fault.truncated")
async def test_truncated(scenario: Load) -> None:
    """The header promises more than comes."""
    async with playing(scenario, fault("truncated", "bytes = 2")) as (_, wire):
        wire.ask(1)
        data = await wire.some()
        assert len(data) == 11
        assert data[4:9] == b"\x00\x07\x01\x04\x04"
        wire.ask(2, 9)
        assert (await wire.frame())[0] == 9


@pytest.mark.requirement("sim.fault.extra")
async def test_extra(scenario: Load) -> None:
    """A sound answer, and then more."""
    async with playing(scenario, fault("extra", "bytes = 6")) as (_, wire):
        wire.ask(1)
        assert is_frequency((await wire.frame())[2])
        assert len(await wire.some()) == 6


@pytest.mark.requirement("sim.fault.split")
async def test_split(scenario: Load) -> None:
    """Every byte by itself, and the other unit's answer not among them."""
    async with playing(scenario, fault("split", "gap_ms = 10")) as (_, wire):
        wire.ask(1, 1)
        wire.ask(2, 2)
        pieces = [await wire.some()]
        while sum(map(len, pieces)) < 26:
            pieces.append(await wire.some())
    data = b"".join(pieces)
    assert (data[:2], data[13:15]) == (b"\x00\x01", b"\x00\x02")
    assert is_frequency(data[7:13])
    assert is_frequency(data[20:])
    assert len(pieces) > 5


@pytest.mark.requirement("sim.fault.half-open")
async def test_half_open(scenario: Load) -> None:
    """Nothing comes any more, from no unit, nor an end; a new connection is served."""
    async with playing(scenario, fault("half_open")) as (served, wire):
        wire.ask(2, 1)
        assert (await wire.frame())[0] == 1
        wire.ask(1, 2)
        wire.ask(2, 3)
        waiting = asyncio.create_task(wire.some())
        async with connected(served) as other:
            other.ask(2, 4)
            assert (await other.frame())[0] == 4
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()


@pytest.mark.requirement("sim.fault.drop")
async def test_drop(scenario: Load) -> None:
    """After so many answers of the meter, on each connection anew."""
    async with playing(scenario, fault("drop", "after = 3")) as (served, first), connected(served) as second:
        for wire in (first, second):
            wire.ask(2, 9)
            assert (await wire.frame())[0] == 9
            for tid in (1, 2, 3):
                wire.ask(1, tid)
                assert (await wire.frame())[0] == tid
            assert await wire.some() == b""


@pytest.mark.requirement("sim.fault.filter")
async def test_only_named_functions_and_registers(scenario: Load) -> None:
    """Reads of other registers, and other functions, are answered as ever."""
    text = fault("exception", "registers = [0x34, 0x35]") + fault("wrong_unit", "functions = [3]")
    async with playing(scenario, text) as (_, wire):
        wire.ask(1, 1)
        assert is_frequency((await wire.frame())[2])
        for start, count in ((0x34, 2), (0x33, 2), (0x35, 1), (0x34, 1), (0, 80)):
            wire.ask(1, 2, struct.pack(">BHH", 4, start, count))
            assert await wire.frame() == (2, 1, b"\x84\x04")
        wire.ask(1, 3, struct.pack(">BHH", 3, 0, 1))
        assert await wire.frame() == (3, 2, b"\x83\x01")


@pytest.mark.requirement("sim.fault.share")
async def test_share_of_the_requests_is_the_same_with_the_same_seed(scenario: Load) -> None:
    """About so many, and the same ones again."""
    runs = []
    for _ in range(2):
        async with playing(scenario, fault("exception", "share = 0.3")) as (_, wire):
            run = []
            for tid in range(200):
                wire.ask(1, tid)
                run.append((await wire.frame())[2] == b"\x84\x04")
            runs.append(run)
    assert runs[0] == runs[1]
    assert 40 < sum(runs[0]) < 80


@pytest.mark.requirement("sim.fault.registers")
@pytest.mark.parametrize(
    ("what", "more", "power", "frequency"),
    [
        ("nan", "", b"\x7f\xc0\x00\x00", None),
        ("nan", "fill = 0xFFFF\nregisters = [0x34, 0x35]", b"\xff\xff\xff\xff", b"\x42\x48"),
        ("shifted", "shift = 0x12", b"\x42\x48", b"\x00\x00"),
        ("swapped", "registers = [70, 71]", b"\x44\x7a", None),
    ],
)
async def test_registers(scenario: Load, what: str, more: str, power: bytes, frequency: bytes | None) -> None:
    """The frame is sound and what it says is not; 1000 W is 447a 0000, 50 Hz 4248 0000."""
    values = 'what = "set"\nvalues = { active_power = 1000, frequency = 50 }'
    text = f'[[event]]\nat = 0\nmeter = "one"\n{values}\n' + fault(what, more)
    async with playing(scenario, text) as (_, wire):
        wire.ask(1, 1, POWER)
        assert (await wire.frame())[2][2:].startswith(power)
        wire.ask(1, 2)
        found = (await wire.frame())[2][2:]
        expected = (
            {"swapped": b"\x00\x00\x42\x48", "nan": b"\x7f\xc0\x00\x00"}[what] if frequency is None else frequency
        )
        assert found.startswith(expected)


@pytest.mark.requirement("sim.fault.registers")
def test_stuck_registers_keep_what_they_showed(scenario: Load) -> None:
    """The others go on, and these too when it is over."""
    text = fault("stuck", "registers = [0x34, 0x35]").replace("at = 0", "at = 30\nfor = 30")
    plant = Plant(scenario(METERS + text), None, lambda _: None)
    meter = plant.meters["one"]

    def shown(t: float, address: int) -> object:
        plant.advance(t)
        return meter.read(4, address, 2)

    powers = [shown(t, 0x34) for t in (29.0, 30.0, 45.0, 59.0, 60.0)]
    assert powers[1] == powers[2] == powers[3]
    assert len({str(p) for p in powers}) == 3
    assert shown(70.0, 0x48) != shown(80.0, 0x48)


@pytest.mark.requirement("sim.fault.reboot")
@pytest.mark.parametrize(("boot", "answering"), [(3600, []), (0, [77])])
async def test_reboot_with_a_new_address(scenario: Load, boot: int, answering: list[int]) -> None:
    """Silence, then another unit's number; the neighbour answers all the time."""
    async with playing(scenario, fault("reboot", f"boot = {boot}\nunit = 77")) as (_, wire):
        for unit in (1, 77, 2):
            wire.ask(unit, unit)
        assert [(await wire.frame())[1] for _ in range(len(answering) + 1)] == [*answering, 2]
        if answering:
            wire.ask(77)
            assert is_frequency((await wire.frame())[2])


@pytest.mark.requirement("sim.scenario.checked")
@pytest.mark.parametrize(
    ("head", "what", "more", "message"),
    [
        ("", "bad_crc", "", r"fault\[0\].what: got 'bad_crc'; Modbus TCP has no checksum"),
        ('kind = "rtu"', "drop", "", r"fault\[0\].what: got 'drop'; only a TCP port"),
        ('kind = "rtu_over_tcp"', "wrong_transaction", "", r"only Modbus TCP has transactions"),
        ("", "silence", "registers = [5, 4]", r"fault\[0\].registers: .*expected the first and the last"),
        ("", "stuck", "share = 0.5", r"fault\[0\].share: got 0.5; registers are wrong for every"),
        ("", "refused", "functions = [3]", r"fault\[0\].what: got 'refused'; connections are refused whatever"),
        ("", "reboot", "unit = 2", r"fault\[0\].unit: got 2; another meter of the port has it"),
        ("", "silent", "", r"fault\[0\].what: got 'silent'"),
    ],
)
def test_fault_that_cannot_be_is_named(
    write: Callable[[str], Path], head: str, what: str, more: str, message: str
) -> None:
    """Before anything is opened."""
    text = f'name = "test"\n[[port]]\nid = "bus"\n{head}\n' + METERS + fault(what, more)
    with pytest.raises(BadFile, match=message):
        load_scenario(write(text))


@pytest.mark.requirement("sim.scenario.documented")
def test_every_kind_of_fault_is_described() -> None:
    """In a row of its own."""
    text = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    section = text.split("\n## [[fault]]\n")[1].split("\n## ")[0]
    assert {kind for kind in get_args(What) if f"\n| `{kind}` |" not in section} == set()
