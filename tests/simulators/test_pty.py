"""Modbus RTU on a pseudo-terminal, byte by byte."""

import asyncio
import os
import termios
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stillcold_sim.scenario import load_scenario
from stillcold_sim.serve import serving

PAUSE = 0.5  # s; a master waits for its time-out before the next request
TEXT = """
name = "test"
[[port]]
id = "line"
kind = "rtu"
[[meter]]
id = "one"
profile = "eastron-sdm630"
port = "line"
unit = 1
point = "p1"
load = { kind = "dead" }
[[meter]]
id = "two"
profile = "eastron-sdm630"
port = "line"
unit = 2
point = "p2"
load = { kind = "dead" }
"""


def _crc(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def _request(unit: int) -> bytes:
    body = bytes([unit, 4, 0, 0x46, 0, 2])
    return body + _crc(body)


class Serial:
    """The client's end of the line."""

    def __init__(self, device: str) -> None:
        self._fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._fd, termios.TCSANOW)
        self._bytes: asyncio.Queue[bytes] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self._fd, lambda: self._bytes.put_nowait(os.read(self._fd, 256)))

    def send(self, data: bytes) -> None:
        """Send bytes."""
        os.write(self._fd, data)

    async def frame(self, length: int = 9) -> bytes:
        """So many bytes, their checksum proved and cut off."""
        data = b""
        async with asyncio.timeout(60):
            while len(data) < length:
                data += await self._bytes.get()
        assert _crc(data[:-2]) == data[-2:]
        return data[:-2]

    def close(self) -> None:
        """Hang up."""
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)


@asynccontextmanager
async def line(path: Path) -> AsyncIterator[Serial]:
    """A client on the line of a scenario."""
    async with serving(load_scenario(path)) as served:
        serial = Serial(served.pty("line"))
        try:
            yield serial
        finally:
            serial.close()


@pytest.mark.requirement("sim.wire.absent-unit")
async def test_absent_unit_is_silent_on_the_line(write: Callable[[str], Path]) -> None:
    """What comes is the answer of the unit that is there."""
    async with line(write(TEXT)) as serial:
        serial.send(_request(9))
        await asyncio.sleep(PAUSE)
        serial.send(_request(2))
        assert (await serial.frame())[:3] == b"\x02\x04\x04"


@pytest.mark.requirement("sim.fault.silence")
@pytest.mark.requirement("sim.fault.exception")
async def test_faults_on_the_line(write: Callable[[str], Path]) -> None:
    """One unit silent, the other with exception 2."""
    faults = """
[[fault]]
at = 0
meter = "one"
what = "silence"
[[fault]]
at = 0
meter = "two"
what = "exception"
code = 2
"""
    async with line(write(TEXT + faults)) as serial:
        serial.send(_request(1))
        await asyncio.sleep(PAUSE)
        serial.send(_request(2))
        assert await serial.frame(5) == b"\x02\x84\x02"


async def test_noise_and_half_requests_are_forgotten_after_a_pause(write: Callable[[str], Path]) -> None:
    """The next whole request is answered."""
    async with line(write(TEXT)) as serial:
        for noise in (b"\xff\x00\xfe", _request(1)[:5], _request(1)[:-1] + b"\x00"):
            serial.send(noise)
            await asyncio.sleep(PAUSE)
            serial.send(_request(1))
            assert (await serial.frame())[:3] == b"\x01\x04\x04"


@pytest.mark.requirement("sim.wire.device")
async def test_a_serial_device_is_answered_on(write: Callable[[str], Path]) -> None:
    """Whatever stands at its far end; another program that wants it is refused."""
    near, far = os.openpty()
    tty.setraw(near, termios.TCSANOW)
    device = os.ttyname(far)
    scenario = load_scenario(write(TEXT.replace('kind = "rtu"', f'kind = "rtu"\ndevice = "{device}"')))
    try:
        async with serving(scenario) as served:
            assert served.pty("line") == device
            with pytest.raises(OSError, match="exclusively lock"):
                async with serving(scenario):
                    pass
            os.write(near, _request(2))
            data = b""
            async with asyncio.timeout(60):
                while len(data) < 9:
                    data += await asyncio.to_thread(os.read, near, 256)
        assert data[:3] == b"\x02\x04\x04"
        assert _crc(data[:-2]) == data[-2:]
    finally:
        os.close(near)
        os.close(far)


def test_a_device_that_is_not_there_is_named(write: Callable[[str], Path], tmp_path: Path) -> None:
    """When it is opened, not before."""
    text = TEXT.replace('kind = "rtu"', f'kind = "rtu"\ndevice = "{tmp_path}/ttyUSB9"')
    scenario = load_scenario(write(text))

    async def serve() -> None:
        async with serving(scenario):
            pass

    with pytest.raises(OSError, match="ttyUSB9"):
        asyncio.run(serve())
