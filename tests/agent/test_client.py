"""One Modbus connection against meters that answer well, badly or not at all."""

import ast
import os
import struct
from pathlib import Path

import pytest

import stillcold_agent
from stillcold_agent.config import RtuBus, TcpBus
from stillcold_agent.modbus.client import Client
from stillcold_core.readings import Absence
from stillcold_sim.scenario import Fault
from stillcold_sim.wire import PtyPort
from support.raw_meter import RawMeter, Request, Respond, frame, honest

FAST = 0.6


def tcp(port: int) -> Client:
    return Client(TcpBus("b", "127.0.0.1", port, FAST))


@pytest.mark.parametrize("function", [3, 4])
async def test_registers_are_read(function: int) -> None:
    """Each word is what the meter holds."""
    async with RawMeter() as meter:
        client = tcp(meter.port)
        assert await client.connect()
        assert await client.read(7, function, 100, 125) == tuple(range(100, 225))
        assert (meter.requests[0].unit, meter.requests[0].function) == (7, function)
        client.close()


@pytest.mark.parametrize("function", [1, 2])
@pytest.mark.parametrize("count", [1, 8, 9, 20])
async def test_bits_are_read(function: int, count: int) -> None:
    """As many as were asked for, whatever fills the last byte."""
    async with RawMeter() as meter:
        client = tcp(meter.port)
        await client.connect()
        assert await client.read(1, function, 3, count) == tuple((3 + i) % 2 for i in range(count))
        client.close()


def _short(request: Request) -> bytes:
    return frame(request, struct.pack("BBH", request.function, 2, 0))


def _long(request: Request) -> bytes:
    return honest(Request(request.transaction, request.unit, request.function, request.address, request.count + 1))


def _other_function(request: Request) -> bytes:
    return frame(request, b"\x04\x04\x00\x01\x00\x02")


def _truncated(request: Request) -> bytes:
    return honest(request)[:-1]


def _count_lies(request: Request) -> bytes:
    return frame(request, b"\x03\xff\x00\x01\x00\x02")


_HOSTILE: dict[str, tuple[Respond, Absence]] = {
    "nothing": (lambda _: None, Absence.TIMEOUT),
    "exception": (lambda r: frame(r, bytes([r.function | 0x80, 2])), Absence.EXCEPTION),
    "exception of another function": (lambda r: frame(r, b"\x84\x02"), Absence.BAD_REPLY),
    "short": (_short, Absence.BAD_REPLY),
    "long": (_long, Absence.BAD_REPLY),
    "another function's reply": (_other_function, Absence.BAD_REPLY),
    "a function nobody knows": (lambda r: frame(r, b"\x63\x01\x02"), Absence.BAD_REPLY),
    "another unit's reply": (lambda r: frame(r, honest(r)[7:], unit=9), Absence.BAD_REPLY),
    "another request's reply": (lambda r: frame(r, honest(r)[7:], transaction=r.transaction + 7), Absence.BAD_REPLY),
    "truncated": (_truncated, Absence.BAD_REPLY),
    "a byte count that lies": (_count_lies, Absence.BAD_REPLY),
    "empty": (lambda r: frame(r, b""), Absence.BAD_REPLY),
    "garbage": (lambda _: b"\xde\xad\xbe\xef" * 9, Absence.BAD_REPLY),
    "one byte": (lambda _: b"\x00", Absence.BAD_REPLY),
    "more than any frame holds": (lambda _: b"\x00\x01\x00\x00\xff\xff" + bytes(5000), Absence.TIMEOUT),
    "the end of the connection": (lambda _: b"", Absence.DISCONNECTED),
}


@pytest.mark.requirement("agent.read.causes")
@pytest.mark.parametrize("name", _HOSTILE)
async def test_what_is_no_answer_is_an_absence_with_its_cause_and_the_next_answer_is_right(name: str) -> None:
    """No answer, a foreign one or a broken one is never filled up, and does not spoil the next."""
    respond, cause = _HOSTILE[name]
    async with RawMeter(respond) as meter:
        client = tcp(meter.port)
        await client.connect()
        assert await client.read(1, 3, 10, 2) is cause
        meter.respond = honest
        if not client.connected:
            await client.connect()
        assert await client.read(1, 3, 10, 2) == (10, 11)
        client.close()


async def test_without_a_connection_nothing_is_asked() -> None:
    """Neither before it is made nor after it failed."""
    async with RawMeter() as meter:
        client = tcp(meter.port)
        assert await client.read(1, 3, 0, 1) is Absence.DISCONNECTED
        await meter.stop()
        assert not await client.connect()
        assert await client.read(1, 3, 0, 1) is Absence.DISCONNECTED


class Slave:
    """Answers each register with its address."""

    def read(self, function: int, address: int, count: int) -> list[int]:
        return [a % 2 if function < 3 else a for a in range(address, address + count)]

    def troubles(self) -> list[Fault]:
        return []


@pytest.mark.requirement("agent.rtu")
async def test_a_serial_line_is_read() -> None:
    """All four functions, over a pseudo-terminal."""
    port = PtyPort({5: Slave()})
    client = Client(RtuBus("b", port.device, timeout=FAST))
    try:
        assert await client.connect()
        assert await client.read(5, 3, 100, 60) == tuple(range(100, 160))
        assert await client.read(5, 4, 7, 1) == (7,)
        assert await client.read(5, 2, 0, 3) == (0, 1, 0)
        assert await client.read(5, 1, 1, 9) == (1, 0, 1, 0, 1, 0, 1, 0, 1)
        assert await client.read(6, 3, 0, 1) is Absence.TIMEOUT
    finally:
        client.close()
        await port.close()


async def test_noise_on_a_serial_line_is_a_bad_reply() -> None:
    """A frame with a wrong checksum is not taken."""
    master, far = os.openpty()
    client = Client(RtuBus("b", os.ttyname(far), timeout=FAST))
    try:
        assert await client.connect()
        os.write(master, b"\x01\x03\x02\x00\x07\x00\x00")
        answer = client.read(1, 3, 0, 1)
        assert await answer in {Absence.BAD_REPLY, Absence.TIMEOUT}
    finally:
        client.close()
        os.close(master)
        os.close(far)


async def test_a_serial_device_that_refuses_its_settings_cannot_be_connected() -> None:
    """As an adapter without parity, or one that is pulled at that moment; a pseudo-terminal has none either."""
    master, far = os.openpty()
    try:
        assert not await Client(RtuBus("b", os.ttyname(far), parity="E", timeout=FAST)).connect()
    finally:
        os.close(master)
        os.close(far)


async def test_a_serial_device_that_is_not_there_cannot_be_connected(tmp_path: Path) -> None:
    """It is an answer, not an error that ends the agent."""
    assert not await Client(RtuBus("b", str(tmp_path / "ttyUSB9"), timeout=FAST)).connect()


@pytest.mark.requirement("agent.read-only")
def test_no_code_can_write_to_a_meter() -> None:
    """Of the Modbus library's requests the agent names the four that read, in one module."""
    folder = Path(stillcold_agent.__file__).parent
    requests = {"read_coils", "read_discrete_inputs", "read_holding_registers", "read_input_registers"}
    named = set()
    for file in folder.rglob("*.py"):
        tree = ast.parse(file.read_text())
        imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        if any("pymodbus" in ast.unparse(n) for n in imports):
            assert file.relative_to(folder) == Path("modbus/client.py")
            named = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    assert requests <= named
    assert {n for n in named if n.startswith(("write", "read_", "mask", "execute", "diag", "report"))} == requests
