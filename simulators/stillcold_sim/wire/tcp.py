"""A TCP port that slaves answer on."""

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator

from stillcold_sim.door import Door, break_off
from stillcold_sim.wire.answers import Link, answer
from stillcold_sim.wire.library import LONGEST, Framing, NotModbus, RtuFraming, TcpFraming
from stillcold_sim.wire.outbox import Outbox
from stillcold_sim.wire.slaves import Slave

_IDLE = 0.05  # s without a byte after which half a request in RTU frames is forgotten


class TcpPort:
    """Modbus on one TCP address; its number stays ours while it refuses connections.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    rtu : bool
        Whether frames are those of a serial line.
    seed : sequence of int
        Of the faults that come by chance.

    Raises
    ------
    OSError
        When the address cannot be had.
    """

    def __init__(
        self, slaves: Mapping[int, Slave], host: str, port: int, *, rtu: bool = False, seed: Sequence[int] = (0,)
    ) -> None:
        self._slaves, self.rtu = slaves, rtu
        self._chance = np.random.default_rng(seed)
        self._connections: set[_Connection] = set()
        self._door = Door(host, port)
        self.host, self.port = self._door.host, self._door.port

    async def accept(self, willing: bool) -> None:
        """Begin or cease to take connections; ceasing breaks off those that are open."""
        if willing and not self._door.is_open:
            await self._door.open(self._connect)
        elif not willing:
            await self._door.shut(self._abort)

    async def close(self) -> None:
        """Stop for good."""
        await self.accept(False)
        self._door.release()

    def _abort(self) -> None:
        for connection in tuple(self._connections):
            connection.abort()

    def _connect(self) -> "_Connection":
        framing = RtuFraming() if self.rtu else TcpFraming()
        return _Connection(self._slaves, framing, self._chance, self._connections)


class _Connection(asyncio.Protocol):
    def __init__(
        self, slaves: Mapping[int, Slave], framing: Framing, chance: Generator, connections: "set[_Connection]"
    ) -> None:
        self._slaves, self._framing, self._chance, self._all = slaves, framing, chance, connections
        self._link = Link()
        self._outbox = Outbox(self._send, self._close)
        self._buffer = b""
        self._heard = 0.0
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        self._all.discard(self)

    def abort(self) -> None:
        """Break the connection off."""
        if self._transport:
            break_off(self._transport)

    # A reader that asks and never reads is not served until it does.
    def pause_writing(self) -> None:
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._fresh() + data
        try:
            while self._buffer and self._next():
                pass
        except NotModbus:
            self.abort()

    def _fresh(self) -> bytes:
        """What is still worth keeping of the bytes before."""
        if not self._framing.checked:
            return self._buffer
        now = self._loop.time()
        stale, self._heard = now - self._heard > _IDLE, now
        return b"" if stale else self._buffer[-LONGEST:]

    def _next(self) -> bool:
        used, request = self._framing.take(self._buffer)
        self._buffer = self._buffer[used:]
        if request and (reply := answer(self._slaves, self._framing, self._link, request, self._chance)):
            self._outbox.put(reply)
        return used > 0

    def _send(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport:
            self._transport.close()
