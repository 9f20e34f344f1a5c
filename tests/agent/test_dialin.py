"""Transmitters that dial in: who is let in, what may stand between the frames, and which connection counts."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from stillcold_agent.config import DialInBus
from stillcold_agent.meters import Meter
from stillcold_agent.modbus.bus import Bus
from stillcold_core.profiles import Profile
from stillcold_core.readings import Absence
from support import free_port, wait_for_async
from support.meters import meter
from support.raw_meter import RawMeter, Registers
from support.raw_rtu import RawRtu, as_rtu

NAME, BEAT = b"KC017-01", b"\xfe\xfe"


def settings(**more: object) -> DialInBus:
    more = {"registration": NAME.decode(), "heartbeat": "0xfefe", "timeout": 0.6, **more}
    return DialInBus("b", free_port(), "127.0.0.1", **more)  # type: ignore[arg-type]


class Transmitter:
    """Dials in, and answers as its meter does, with heartbeats in between."""

    def __init__(self, port: int, *pieces: bytes, source: str = "127.0.0.1") -> None:
        self._port, self._pieces, self._source = port, pieces, source
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def run(self, meter: RawRtu) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(self._source, 0))
        self.begun.set()
        try:
            for piece in self._pieces:
                writer.write(piece)
                await writer.drain()
            while data := await reader.read(4096):
                writer.write(BEAT + meter.feed(data) + BEAT)
        except ConnectionError:
            pass
        finally:
            writer.close()
        self.ended.set()


@contextlib.asynccontextmanager
async def dialled(transmitter: Transmitter, meter: RawRtu) -> AsyncIterator[None]:
    work = asyncio.create_task(transmitter.run(meter))
    yield
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


@contextlib.asynccontextmanager
async def listening(bus: DialInBus, *meters: Meter) -> AsyncIterator[Bus]:
    """A bus that listens; nobody has dialled in yet."""
    one = Bus(bus, meters)
    try:
        assert set((await one.read(meters[0])).values.values()) == {Absence.DISCONNECTED}
        yield one
    finally:
        one.close()


async def until(bus: Bus, one: Meter, power: float | Absence) -> None:
    async with asyncio.timeout(60):
        while (await bus.read(one)).values["active_power"] != power:  # noqa: ASYNC110  # each round reads anew
            await asyncio.sleep(0.01)


@pytest.mark.requirement("agent.dial-in")
@pytest.mark.parametrize("pieces", [(NAME,), (NAME[:3], NAME[3:]), (NAME + BEAT,)])
async def test_a_transmitter_that_registers_is_read(two_blocks: Profile, pieces: tuple[bytes, ...]) -> None:
    """Its registration may come in pieces, and its heartbeats between the frames."""
    far, bus, one = RawRtu(as_rtu(Registers(two_blocks, {"active_power": 5}))), settings(), meter(two_blocks)
    async with listening(bus, one) as reading, dialled(Transmitter(bus.listen_port, *pieces), far):
        await until(reading, one, 5)
        assert [(await reading.read(one)).values for _ in range(3)] == [{"frequency": 0.0, "active_power": 5.0}] * 3
        assert reading.stats.bad_replies == 0


@pytest.mark.requirement("agent.dial-in")
async def test_a_transmitter_that_passes_on_modbus_tcp_is_read(two_blocks: Profile) -> None:
    """With frames of Modbus TCP and heartbeats between them."""
    bus, one, respond = settings(frames="tcp"), meter(two_blocks), Registers(two_blocks, {"active_power": 5})

    async def transmit() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", bus.listen_port)
        writer.write(NAME)
        while len(data := await reader.read(12)) == 12:
            writer.write(BEAT + (RawMeter(respond)._reply(data) or b"") + BEAT)
        writer.close()

    async with listening(bus, one) as reading:
        work = asyncio.create_task(transmit())
        await until(reading, one, 5)
        assert [(await reading.read(one)).number("active_power") for _ in range(3)] == [5.0] * 3
        assert reading.stats.bad_replies == 0
    await work


@pytest.mark.requirement("agent.dial-in")
async def test_a_meter_that_is_silent_behind_a_transmitter_is_no_bad_reply(two_blocks: Profile) -> None:
    """A heartbeat is nobody's answer."""
    far, bus, one = RawRtu(lambda _: None), settings(), meter(two_blocks)
    async with listening(bus, one) as reading, dialled(Transmitter(bus.listen_port, NAME), far):
        await until(reading, one, Absence.TIMEOUT)


@pytest.mark.requirement("agent.dial-in.refused")
@pytest.mark.parametrize(
    ("more", "pieces", "source"),
    [
        ({}, (b"KC017-02",), "127.0.0.1"),
        ({}, (struct.pack(">BBHH", 1, 3, 0, 1),), "127.0.0.1"),
        ({"allow": ("127.0.0.1/32",)}, (NAME,), "127.0.0.2"),
        ({"allow": ("10.0.0.0/8",), "registration": ""}, (), "127.0.0.1"),
    ],
)
async def test_nobody_else_is_let_in(
    two_blocks: Profile, more: dict[str, object], pieces: tuple[bytes, ...], source: str
) -> None:
    """By another registration, none, or from another network: hung up on, and never asked."""
    far, bus, one = RawRtu(), settings(**more), meter(two_blocks)
    transmitter = Transmitter(bus.listen_port, *pieces, source=source)
    async with listening(bus, one) as reading, dialled(transmitter, far):
        await asyncio.wait_for(transmitter.ended.wait(), 60)
        assert (await reading.read(one)).values["active_power"] is Absence.DISCONNECTED
    assert far.requests == []


@pytest.mark.requirement("agent.dial-in.refused")
async def test_callers_that_never_register_cannot_pile_up(two_blocks: Profile) -> None:
    """Of many at once some are hung up on."""
    bus, one = settings(), meter(two_blocks)
    silent = [Transmitter(bus.listen_port) for _ in range(12)]
    async with listening(bus, one), contextlib.AsyncExitStack() as stack:
        for transmitter in silent:
            await stack.enter_async_context(dialled(transmitter, RawRtu()))
        await wait_for_async(lambda: sum(t.ended.is_set() for t in silent) == 4)


@pytest.mark.requirement("agent.dial-in.refused")
async def test_a_scanner_that_resets_at_once_is_nothing_to_tell(
    two_blocks: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    """It is gone before anybody can say who it was."""
    bus, one = settings(), meter(two_blocks)
    async with listening(bus, one):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", bus.listen_port)) as scanner:
                scanner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0.01)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


@pytest.mark.requirement("agent.dial-in.refused")
async def test_callers_that_never_register_keep_no_transmitter_out(two_blocks: Profile) -> None:
    """The one that has been silent for longest makes room."""
    bus, one = settings(), meter(two_blocks)
    silent = [Transmitter(bus.listen_port) for _ in range(8)]
    far = RawRtu(as_rtu(Registers(two_blocks, {"active_power": 5})))
    async with listening(bus, one) as reading, contextlib.AsyncExitStack() as stack:
        for transmitter in silent:
            await stack.enter_async_context(dialled(transmitter, RawRtu()))
        await wait_for_async(lambda: all(t.begun.is_set() for t in silent))
        late = Transmitter(bus.listen_port, NAME)
        await stack.enter_async_context(dialled(late, far))
        await until(reading, one, 5)
        await wait_for_async(lambda: sum(t.ended.is_set() for t in silent) == 1)
        assert not late.ended.is_set()


@pytest.mark.requirement("agent.dial-in.newest")
async def test_a_transmitter_that_dials_in_again_replaces_its_dead_connection(two_blocks: Profile) -> None:
    """The old one looked alive and never ended; it is hung up on, and reading goes on over the new one."""
    bus, one = settings(), meter(two_blocks)
    old, new = (Transmitter(bus.listen_port, NAME) for _ in range(2))
    far = RawRtu(as_rtu(Registers(two_blocks, {"active_power": 5})))
    async with listening(bus, one) as reading, dialled(old, far):
        await until(reading, one, 5)
        async with dialled(new, RawRtu(as_rtu(Registers(two_blocks, {"active_power": 6})))):
            await until(reading, one, 6)
            await asyncio.wait_for(old.ended.wait(), 60)
            assert not new.ended.is_set()
            assert reading.stats.reconnects == 1
