"""Meters that answer in Modbus RTU with whatever bytes a test wants: on a pseudo-terminal, a socket, or dialled in."""

import asyncio
import os
import struct
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pymodbus.framer import FramerRTU

from support import raw_meter
from support.raw_meter import Request

Respond = Callable[[Request], bytes | None]


def frame(request: Request, content: bytes, *, unit: int | None = None) -> bytes:
    """An answer: unit, ``content`` from the function code on, and the checksum."""
    data = bytes([request.unit if unit is None else unit]) + content
    return data + FramerRTU.compute_CRC(data).to_bytes(2, "big")


def honest(request: Request) -> bytes:
    """What a working meter answers: each register holds its own address."""
    return as_rtu(raw_meter.honest)(request)


def as_rtu(respond: Callable[[Request], bytes]) -> Callable[[Request], bytes]:
    """What answers in frames of Modbus TCP, in frames of a serial line."""
    return lambda request: frame(request, respond(request)[7:])


class RawRtu:
    """Answers each request that comes.

    Attributes
    ----------
    respond : callable
        Bytes to send for a request; None keeps silent.
    requests : list of Request
        What was asked.
    """

    def __init__(self, respond: Respond = honest) -> None:
        self.respond = respond
        self.requests: list[Request] = []
        self._buffer = b""

    def feed(self, data: bytes) -> bytes:
        """What to send for bytes that came."""
        self._buffer += data
        out = b""
        while len(self._buffer) >= 8:
            unit, function, address, count = struct.unpack(">BBHH", self._buffer[:6])
            self._buffer = self._buffer[8:]
            self.requests.append(Request(0, unit, function, address, count))
            out += self.respond(self.requests[-1]) or b""
        return out

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on a socket until it ends."""
        try:
            while data := await reader.read(4096):
                writer.write(self.feed(data))
        except ConnectionError:
            pass
        finally:
            writer.close()


class RtuPty:
    """A meter on a pseudo-terminal; ``device`` is its path."""

    def __init__(self, meter: RawRtu) -> None:
        self._meter = meter
        self._master, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._far)

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._far)

    def send(self, data: bytes) -> bytes:
        """Send bytes that nobody waits for; the same bytes."""
        os.write(self._master, data)
        return data

    def _read(self) -> None:
        os.write(self._master, self._meter.feed(os.read(self._master, 4096)))
