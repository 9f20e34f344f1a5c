"""Modbus TCP on a raw socket: what each fault looks like to who asks."""

import asyncio
import struct

import pytest

from stillcold_sim.serve import serving
from support.wire import METERS, Load, connected, fault, is_frequency, playing


async def test_answers_carry_transaction_and_unit(scenario: Load) -> None:
    """Requests sent at once are all answered, in order."""
    async with playing(scenario, "") as (_, wire):
        for tid, unit in ((7, 1), (8, 2), (9, 1)):
            wire.ask(unit, tid)
        frames = [await wire.frame() for _ in range(3)]
    assert [f[:2] for f in frames] == [(7, 1), (8, 2), (9, 1)]
    assert all(is_frequency(f[2]) for f in frames)


async def test_request_in_pieces_is_answered(scenario: Load) -> None:
    """TCP cuts where it likes."""
    async with playing(scenario, "") as (_, wire):
        request = struct.pack(">HHHBBHH", 5, 0, 6, 1, 4, 0x46, 2)
        for byte in request:
            wire.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await wire.frame())[:2] == (5, 1)


@pytest.mark.requirement("sim.wire.absent-unit")
async def test_absent_unit_does_not_answer(scenario: Load) -> None:
    """The next answer on the wire is the next unit's."""
    async with playing(scenario, "") as (_, wire):
        wire.ask(99, 1)
        wire.ask(2, 2)
        assert (await wire.frame())[:2] == (2, 2)


@pytest.mark.requirement("sim.fault.silence")
async def test_silent_unit_does_not_disturb_the_others(scenario: Load) -> None:
    """It is asked, says nothing, and the other unit answers on the same socket."""
    async with playing(scenario, fault("silence")) as (_, wire):
        wire.ask(1, 1)
        wire.ask(2, 2)
        tid, unit, pdu = await wire.frame()
    assert (tid, unit) == (2, 2)
    assert is_frequency(pdu)


@pytest.mark.requirement("sim.fault.exception")
async def test_exception(scenario: Load) -> None:
    """Function code with its high bit set, and the code asked for."""
    async with playing(scenario, fault("exception", "code = 6")) as (_, wire):
        wire.ask(1, 3)
        assert await wire.frame() == (3, 1, b"\x84\x06")


@pytest.mark.requirement("sim.fault.garbage")
async def test_garbage(scenario: Load) -> None:
    """Bytes come, and twice not the same; the other unit answers as ever on a new connection."""
    async with playing(scenario, fault("garbage")) as (served, wire):
        wire.ask(1, 3)
        first = await wire.some()
        wire.ask(1, 3)
        second = await wire.some()
        async with connected(served) as fresh:
            fresh.ask(2, 4)
            assert (await fresh.frame())[:2] == (4, 2)
    assert len(first) >= 5
    assert first != second


@pytest.mark.requirement("sim.fault.wrong-unit")
async def test_wrong_unit(scenario: Load) -> None:
    """A sound answer in the next unit's name."""
    async with playing(scenario, fault("wrong_unit")) as (_, wire):
        wire.ask(1, 3)
        tid, unit, pdu = await wire.frame()
    assert (tid, unit) == (3, 2)
    assert is_frequency(pdu)


@pytest.mark.requirement("sim.fault.delay")
async def test_late_answer_does_not_hold_up_the_other_unit(scenario: Load) -> None:
    """The other's answer overtakes it; then it comes, complete."""
    async with playing(scenario, fault("delay", "delay_ms = 300")) as (_, wire):
        wire.ask(1, 1)
        wire.ask(2, 2)
        frames = [await wire.frame(), await wire.frame()]
    assert [f[:2] for f in frames] == [(2, 2), (1, 1)]
    assert is_frequency(frames[1][2])


@pytest.mark.requirement("sim.fault.refused")
@pytest.mark.requirement("sim.energy.integrates")
async def test_refused_port_breaks_off_and_comes_back_under_its_number(scenario: Load) -> None:
    """A connection is reset, new ones are refused, and afterwards the register tells what was used in between."""
    text = '[[fault]]\nat = 60\nfor = 60\nport = "bus"\nwhat = "refused"\n'
    async with serving(scenario(METERS + text), speed=60) as served, connected(served) as wire:
        wire.ask(1, 1)
        before = served.plant.meters["one"].values
        assert (await wire.frame())[:2] == (1, 1)
        assert await wire.some() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*served.tcp("bus"))
        await served.reached(120.0)
        async with connected(served) as again:
            again.ask(1, 2)
            assert (await again.frame())[:2] == (2, 1)
        after = served.plant.meters["one"].values
    assert before is not None
    assert after is not None
    assert after["active_energy_import"] - before["active_energy_import"] > 1000 * 60 / 3600


@pytest.mark.requirement("sim.wire.as-a-meter")
@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        (struct.pack(">BHH", 6, 0x46, 1), b"\x86\x01"),
        (struct.pack(">BHHBH", 16, 0x46, 1, 2, 5), b"\x90\x01"),
        (struct.pack(">BHH", 3, 0x46, 2), b"\x83\x01"),
        (struct.pack(">BHH", 4, 0x2000, 2), b"\x84\x02"),
        (struct.pack(">BHH", 4, 0x46, 100), b"\x84\x03"),
        (b"\x04\x00", b"\x84\x03"),
        (b"\x2b\x0e\x01\x00", b"\xab\x01"),
    ],
)
async def test_what_a_meter_does_not_take_is_refused(scenario: Load, pdu: bytes, answer: bytes) -> None:
    """Writes, foreign functions, addresses, lengths."""
    async with playing(scenario, "") as (_, wire):
        wire.ask(1, 1, pdu)
        assert await wire.frame() == (1, 1, answer)
        wire.ask(1, 2)
        assert is_frequency((await wire.frame())[2])


async def test_what_is_not_modbus_ends_the_connection(scenario: Load) -> None:
    """There is no next frame to find in it; other connections live on."""
    async with playing(scenario, "") as (served, wire), connected(served) as other:
        wire.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await wire.some() == b""
        other.ask(1, 1)
        assert (await other.frame())[:2] == (1, 1)


async def test_faults_of_a_port_reach_all_its_meters_and_end(scenario: Load) -> None:
    """Both are silent until the fault is over."""
    text = '[[fault]]\nat = 0\nfor = 30\nport = "bus"\nwhat = "exception"\n'
    async with serving(scenario(METERS + text), speed=60) as served, connected(served) as wire:
        for unit in (1, 2):
            wire.ask(unit)
            assert (await wire.frame())[2] == b"\x84\x04"
        await served.reached(30.0)
        for unit in (1, 2):
            wire.ask(unit)
            assert is_frequency((await wire.frame())[2])
