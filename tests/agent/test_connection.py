"""One Modbus connection against meters that answer well, badly, late or not at all."""

import ast
import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

import stillcold_agent
from stillcold_agent.config import Bus, RtuBus, RtuOverTcpBus, TcpBus
from stillcold_agent.meters import Answer
from stillcold_agent.modbus.connection import Connection
from stillcold_agent.modbus.frames import RtuFraming, question
from stillcold_agent.modbus.lines import line_of
from stillcold_core.readings import Absence
from stillcold_sim.scenario import Fault
from stillcold_sim.wire import PtyPort
from support import raw_rtu
from support.raw_meter import RawMeter, Request, Respond, frame, honest
from support.raw_rtu import RawRtu, RtuPty

FAST = 0.6


def tcp(port: int) -> TcpBus:
    return TcpBus("b", "127.0.0.1", port, FAST)


async def connect(bus: Bus) -> Connection:
    connection = await line_of(bus).connect()
    assert connection is not None
    return connection


@pytest.mark.parametrize("function", [3, 4])
async def test_registers_are_read(function: int) -> None:
    """Each word is what the meter holds."""
    async with RawMeter() as meter:
        connection = await connect(tcp(meter.port))
        assert await connection.ask(question(7, function, 100, 125)) == tuple(range(100, 225))
        assert (meter.requests[0].unit, meter.requests[0].function) == (7, function)
        connection.close()


@pytest.mark.parametrize("function", [1, 2])
@pytest.mark.parametrize("count", [1, 8, 9, 20])
async def test_bits_are_read(function: int, count: int) -> None:
    """As many as were asked for, whatever fills the last byte."""
    async with RawMeter() as meter:
        connection = await connect(tcp(meter.port))
        assert await connection.ask(question(1, function, 3, count)) == tuple((3 + i) % 2 for i in range(count))
        connection.close()


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
    "a gateway that got no answer": (lambda r: frame(r, bytes([r.function | 0x80, 0x0B])), Absence.TIMEOUT),
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
    "more than any frame holds": (lambda _: b"\x00\x01\x00\x00\xff\xff" + bytes(5000), Absence.BAD_REPLY),
    "a flood of answers nobody asked for": (lambda r: frame(r, honest(r)[7:], transaction=9) * 99, Absence.BAD_REPLY),
    "the end of the connection": (lambda _: b"", Absence.DISCONNECTED),
}


@pytest.mark.requirement("agent.read.causes")
@pytest.mark.parametrize("name", _HOSTILE)
async def test_what_is_no_answer_is_an_absence_with_its_cause_and_the_next_answer_is_right(name: str) -> None:
    """No answer, a foreign one or a broken one is never filled up, and does not spoil the next."""
    respond, cause = _HOSTILE[name]
    async with RawMeter(respond) as meter:
        connection = await connect(tcp(meter.port))
        assert await connection.ask(question(1, 3, 10, 2)) is cause
        meter.respond = honest
        if not connection.open:
            connection = await connect(tcp(meter.port))
        assert await connection.ask(question(1, 3, 10, 2)) == (10, 11)
        connection.close()


@pytest.mark.requirement("agent.read.late-reply")
async def test_a_late_answer_over_tcp_is_told_by_its_number() -> None:
    """Before the right answer, and alone: then the meter did not answer."""
    async with RawMeter(lambda _: None) as meter:
        connection = await connect(tcp(meter.port))
        assert await connection.ask(question(1, 3, 10, 1)) is Absence.TIMEOUT
        meter.respond = lambda r: honest(meter.requests[0]) + honest(r)
        assert await connection.ask(question(1, 3, 20, 1)) == (20,)
        meter.respond = lambda r: honest(meter.requests[0])
        assert await connection.ask(question(1, 3, 30, 1)) is Absence.TIMEOUT
        connection.close()


@asynccontextmanager
async def serial(meter: RawRtu, kind: str) -> AsyncIterator[Bus]:
    """A meter that speaks RTU, on a pseudo-terminal or behind a transparent converter."""
    if kind == "rtu":
        async with RtuPty(meter) as pty:
            yield RtuBus("b", pty.device, timeout=FAST)
    else:
        server = await asyncio.start_server(meter.serve, "127.0.0.1", 0)
        async with server:
            yield RtuOverTcpBus("b", "127.0.0.1", server.sockets[0].getsockname()[1], timeout=FAST)


def _spoiled(request: Request) -> bytes:
    return raw_rtu.honest(request)[:-1] + b"\x00"


def _more(request: Request) -> Request:
    return Request(0, request.unit, request.function, request.address + 50, request.count + 1)


_LINE: dict[str, tuple[raw_rtu.Respond, Answer]] = {
    "nothing": (lambda _: None, Absence.TIMEOUT),
    "exception": (lambda r: raw_rtu.frame(r, b"\x83\x02"), Absence.EXCEPTION),
    "exception of another function": (lambda r: raw_rtu.frame(r, b"\x84\x02"), Absence.BAD_REPLY),
    "a wrong checksum": (_spoiled, Absence.BAD_REPLY),
    "truncated": (lambda r: raw_rtu.honest(r)[:-1], Absence.BAD_REPLY),
    "another unit's answer": (lambda r: raw_rtu.frame(r, honest(r)[7:], unit=9), Absence.BAD_REPLY),
    "another function's answer": (lambda r: raw_rtu.frame(r, b"\x04\x04\x00\x01\x00\x02"), Absence.BAD_REPLY),
    "a longer answer": (lambda r: raw_rtu.honest(_more(r)), Absence.BAD_REPLY),
    "noise": (lambda _: b"\x01\x03\xff" * 400, Absence.BAD_REPLY),
    "noise, then the answer": (lambda r: b"\x00\x01\x03" + raw_rtu.honest(r), (10, 11)),
    "a late answer of another unit, then the answer": (
        lambda r: raw_rtu.frame(r, honest(r)[7:], unit=9) + raw_rtu.honest(r),
        (10, 11),
    ),
    "a late answer to a longer request, then the answer": (
        lambda r: raw_rtu.honest(_more(r)) + raw_rtu.honest(r),
        (10, 11),
    ),
}


@pytest.mark.requirement("agent.read.causes")
@pytest.mark.parametrize("kind", ["rtu", "rtu_over_tcp"])
@pytest.mark.parametrize("name", _LINE)
async def test_on_a_serial_line_only_the_answer_itself_is_taken(name: str, kind: str) -> None:
    """By unit, function, length and checksum; and the next answer is right again."""
    respond, expected = _LINE[name]
    meter = RawRtu(respond)
    async with serial(meter, kind) as bus:
        connection = await connect(bus)
        assert await connection.ask(question(1, 3, 10, 2)) == expected
        meter.respond = raw_rtu.honest
        assert await connection.ask(question(1, 3, 20, 2)) == (20, 21)
        connection.close()


@pytest.mark.parametrize("kind", ["rtu", "rtu_over_tcp"])
async def test_what_comes_before_a_request_is_not_its_answer(kind: str) -> None:
    """A second answer of the same length behind the first one is dropped, not kept for the next request."""
    meter = RawRtu(lambda r: raw_rtu.honest(r) * 2)
    async with serial(meter, kind) as bus:
        connection = await connect(bus)
        assert await connection.ask(question(1, 3, 10, 2)) == (10, 11)
        meter.respond = lambda _: None
        assert await connection.ask(question(1, 3, 20, 2)) is Absence.TIMEOUT
        connection.close()


async def test_without_a_connection_nothing_is_asked() -> None:
    """Neither when it could not be made nor after it was given up."""
    async with RawMeter() as meter:
        connection = await connect(tcp(meter.port))
        connection.close()
        assert await connection.ask(question(1, 3, 0, 1)) is Absence.DISCONNECTED
        await meter.stop()
        with pytest.raises(OSError, match="onnect"):
            await connect(tcp(meter.port))


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
    connection = await connect(RtuBus("b", port.device, timeout=FAST))
    try:
        assert await connection.ask(question(5, 3, 100, 60)) == tuple(range(100, 160))
        assert await connection.ask(question(5, 4, 7, 1)) == (7,)
        assert await connection.ask(question(5, 2, 0, 3)) == (0, 1, 0)
        assert await connection.ask(question(5, 1, 1, 9)) == (1, 0, 1, 0, 1, 0, 1, 0, 1)
        assert await connection.ask(question(6, 3, 0, 1)) is Absence.TIMEOUT
    finally:
        connection.close()
        await port.close()


async def test_a_serial_device_that_refuses_its_settings_cannot_be_connected() -> None:
    """As an adapter without parity, or one that is pulled at that moment; a pseudo-terminal has none either."""
    master, far = os.openpty()
    try:
        with pytest.raises(OSError, match="Invalid"):
            await connect(RtuBus("b", os.ttyname(far), parity="E", timeout=FAST))
    finally:
        os.close(master)
        os.close(far)


async def test_a_serial_device_that_is_not_there_cannot_be_connected(tmp_path: Path) -> None:
    """It is an answer, not an error that ends the agent."""
    with pytest.raises(OSError, match="ttyUSB9"):
        await connect(RtuBus("b", str(tmp_path / "ttyUSB9"), timeout=FAST))


async def test_a_serial_device_that_is_pulled_ends_the_request() -> None:
    """At once, not at its timeout."""
    master, far = os.openpty()
    connection = await connect(RtuBus("b", os.ttyname(far), timeout=30))
    os.close(far)
    asking = asyncio.create_task(connection.ask(question(1, 3, 0, 1)))
    await asyncio.get_running_loop().run_in_executor(None, os.read, master, 8)
    os.close(master)
    assert await asking is Absence.DISCONNECTED


@pytest.mark.requirement("agent.read-only")
@given(st.integers(0, 255), st.integers(-1, 256), st.integers(-1, 70_000), st.integers(-1, 3000))
def test_no_request_but_one_to_read_can_be_made(function: int, unit: int, address: int, count: int) -> None:
    """Whatever is asked for, the function code on the wire is one of the four that read."""
    try:
        made = question(unit, function, address, count)
    except ValueError:
        return
    assert made.pdu[0] == function in {1, 2, 3, 4}
    assert made.pdu[1:] == struct.pack(">HH", address, count)


@pytest.mark.requirement("agent.read-only")
def test_nothing_but_a_question_reaches_a_meter() -> None:
    """The library is known to one module and only packs there; requests are made, and bytes sent, in one place."""
    folder = Path(stillcold_agent.__file__).parent
    trees = {str(f.relative_to(folder)): ast.parse(f.read_text()) for f in folder.rglob("*.py")}
    calls = {name: [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Call)] for name, tree in trees.items()}
    imports = {
        (name, alias.name)
        for name, tree in trees.items()
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("pymodbus")
        for alias in n.names
    }
    packs = [c for c in calls["modbus/frames.py"] if ".encode(" in c]
    sends = {(name, c) for name, found in calls.items() for c in found if name.startswith("modbus/") and "write(" in c}
    assert imports == {("modbus/frames.py", n) for n in ("FramerRTU", "FramerSocket", "DecodePDU")}
    assert not any(
        "pymodbus" in ast.unparse(n) for t in trees.values() for n in ast.walk(t) if isinstance(n, ast.Import)
    )
    assert packs
    assert all(c.startswith("self._framer.encode(asked.pdu, ") for c in packs)
    assert [name for name, found in calls.items() for c in found if c.startswith("Question(")] == ["modbus/frames.py"]
    assert sends == {
        ("modbus/connection.py", "transport.write(frame)"),
        ("modbus/port.py", "os.write(self._descriptor, data)"),
    }


@pytest.mark.requirement("agent.bus.babble")
@pytest.mark.parametrize(("count", "babble"), [(125, b"\x01\x03\xfa"), (1, b"\x01\x03\x02"), (3, b"\x01\x83")])
def test_what_babbles_has_each_of_its_bytes_looked_at_once(
    count: int, babble: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little comes at a time: whoever holds a line must not have the gateway compute for him alone."""
    checked: list[bytes] = []
    check = FramerRTU.check_CRC

    def checking(data: bytes, crc: int) -> bool:
        checked.append(data)
        return bool(check(data, crc))

    monkeypatch.setattr(FramerRTU, "check_CRC", checking)
    framing, asked = RtuFraming(), question(1, 3, 0, count)
    framing.ask(asked)
    for byte in b"\x00" + babble * 1000:
        assert framing.feed(bytes([byte])) is None
    assert 0 < len(checked) <= 3000
    words = struct.pack(f">{count}H", *range(count))
    right = RtuFraming()._framer.encode(b"\x03" + bytes([len(words)]) + words, 1, 0)
    assert [framing.feed(bytes([byte])) for byte in right][-1] == tuple(range(count))


@given(
    st.lists(st.sampled_from([b"\x01", b"\x03", b"\x02", b"\x83", b"\x04", b"\x00"]), max_size=600), st.integers(1, 9)
)
def test_an_answer_is_found_after_any_noise_in_pieces_of_any_size(noise: list[bytes], size: int) -> None:
    """As it is when all comes at once."""
    framing = RtuFraming()
    framing.ask(question(1, 3, 0, 1))
    right = framing._framer.encode(b"\x03\x02\x12\x34", 1, 0)
    sent = b"\x00" + b"".join(noise) + right  # not in the place of an answer that is spoiled
    answers = [framing.feed(sent[i : i + size]) for i in range(0, len(sent), size)]
    assert [a for a in answers if a is not None] == [(0x1234,)]
