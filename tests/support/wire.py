"""A raw connection to simulated meters."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from stillcold_sim.scenario import Scenario
from stillcold_sim.serve import Served, serving
from support.waiting import LONG

Load = Callable[[str], Scenario]

METERS = """
[[meter]]
id = "one"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p1"
load = { kind = "steady", power = 1000 }
[[meter]]
id = "two"
profile = "eastron-sdm630"
port = "bus"
unit = 2
point = "p2"
load = { kind = "steady", power = 2000 }
"""


class Wire:
    """A connection that sends and receives frames, good or bad."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def ask(self, unit: int, tid: int = 1, pdu: bytes = struct.pack(">BHH", 4, 0x46, 2)) -> None:
        """Send a request; by default for the frequency of an SDM630."""
        self.send(struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def frame(self) -> tuple[int, int, bytes]:
        """Transaction, unit and PDU of the next frame."""
        async with asyncio.timeout(LONG):
            tid, protocol, length, unit = struct.unpack(">HHHB", await self._reader.readexactly(7))
            assert protocol == 0
            return tid, unit, await self._reader.readexactly(length - 1)

    async def some(self) -> bytes:
        """Whatever comes next; nothing once the far end has closed or broken off."""
        async with asyncio.timeout(LONG):
            try:
                return await self._reader.read(300)
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Wire]:
    """A connection to the port ``bus``."""
    reader, writer = await asyncio.open_connection(*served.tcp("bus"))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def playing(scenario: Load, text: str) -> AsyncIterator[tuple[Served, Wire]]:
    """The two meters with what ``text`` adds, and a connection to them."""
    async with serving(scenario(METERS + text)) as served, connected(served) as wire:
        yield served, wire


def fault(what: str, more: str = "", meter: str = "one") -> str:
    """A fault of a meter that never ends."""
    return f'[[fault]]\nat = 0\nmeter = "{meter}"\nwhat = "{what}"\n{more}\n'


def is_frequency(pdu: bytes) -> bool:
    """Whether it answers the request that is sent by default."""
    return pdu[:2] == b"\x04\x04" and len(pdu) == 6 and 49 < struct.unpack(">f", pdu[2:])[0] < 51
