"""One direction of one connection."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from stillcold_sim.proxy.line import Line
from stillcold_sim.proxy.packets import Packets, again, is_publish
from stillcold_sim.proxy.weather import Weather

_CHUNK = 16384  # bytes


class Broken(ConnectionError):
    """The network broke the connection off."""


@dataclass(slots=True)
class Counts:
    """What passed, and what happened to it.

    Attributes
    ----------
    connections, refused_upstream, broken : int
        Connections that were made, that the server did not take, and that were broken off.
    bytes, pieces : int
        That passed, in both directions; a piece is a packet, where it is MQTT.
    late, duplicated, held : int
        Pieces that were delayed, sent twice, and overtaken by others.
    """

    connections: int = 0
    refused_upstream: int = 0
    broken: int = 0
    bytes: int = 0
    pieces: int = 0
    late: int = 0
    duplicated: int = 0
    held: int = 0


class Pump:
    """Takes bytes from one side and gives them to the other, through the weather.

    Parameters
    ----------
    reader, writer
        The two sides.
    weather : Weather
        Of this direction.
    packets : bool
        Whether the bytes are MQTT.
    counts : Counts
        Where it is counted.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        weather: Weather,
        *,
        packets: bool,
        counts: Counts,
    ) -> None:
        self._reader, self._writer, self._weather, self._counts = reader, writer, weather, counts
        self._packets = Packets() if packets else None
        self._line = Line()

    async def run(self) -> None:
        """Until the sender ends; its end is passed on.

        Raises
        ------
        ConnectionError
            When either side, or the weather, breaks the connection off.
        NotMqtt
            When the bytes are not what they should be.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take())
            group.create_task(self._give())

    async def _take(self) -> None:
        while data := await self._reader.read(_CHUNK):
            for piece in self._packets.feed(data) if self._packets else (data,):
                for each in self._copies(piece):
                    await self._send(each)
        await self._line.end()

    def _copies(self, piece: bytes) -> Iterator[bytes]:
        yield piece
        if self._is_message(piece) and self._weather.strikes("duplicate"):
            self._counts.duplicated += 1
            yield again(piece)

    async def _send(self, piece: bytes) -> None:
        delay = self._weather.delay()
        held = self._weather.held() if self._is_message(piece) else 0.0
        self._counts.late += delay > 0
        self._counts.held += held > 0
        await self._line.put(piece, delay, held)

    def _is_message(self, piece: bytes) -> bool:
        return self._packets is not None and is_publish(piece)

    async def _give(self) -> None:
        while (piece := await self._line.get()) is not None:
            await self._calm()
            if self._weather.strikes("reset"):
                raise Broken
            self._writer.write(piece)
            await self._writer.drain()
            self._counts.bytes += len(piece)
            self._counts.pieces += 1
            if (rate := self._weather.rate()) < float("inf"):
                await asyncio.sleep(len(piece) / rate)
        if self._writer.can_write_eof():
            self._writer.write_eof()

    async def _calm(self) -> None:
        wait = self._weather.stalled_for()
        if wait > 0:
            await asyncio.sleep(wait)
            await self._calm()
