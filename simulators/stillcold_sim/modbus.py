"""Modbus on the wire: slaves behind a TCP port or a pseudo-terminal, and what goes wrong there.

Frames and answers are pymodbus'; the sockets are our own, because pymodbus' server answers exception 4 for a unit that
is not there, keeps one request per connection in hand, and cannot keep silent for one unit only.

As on a real RS-485 bus behind a gateway, a unit that is not there does not answer.
"""

import asyncio
import logging
import os
import secrets
import socket
import struct
import termios
import tty
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from stillcold_sim.meter import Refused
from stillcold_sim.scenario import Fault

_log = logging.getLogger(__name__)
_IDLE = 0.05  # s without a byte after which half a request on a serial line is forgotten
_LONGEST = 260  # bytes of a Modbus TCP frame


class Slave(Protocol):
    """What answers for one unit."""

    def read(self, function: int, address: int, count: int) -> Sequence[int] | Refused:
        """Registers (or bits), or why not."""

    def troubles(self) -> Sequence[Fault]:
        """What is wrong with it now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes to send, and when."""

    data: bytes
    delay: float
    """s"""


def answer(
    slaves: Mapping[int, Slave], framer: FramerBase, unit: int, transaction: int, request: bytes
) -> Answer | None:
    """What comes back for a request; None where nothing does.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    framer : FramerBase
        Of the wire.
    unit, transaction : int
        From the request's frame.
    request : bytes
        Function code and what follows.
    """
    slave = slaves.get(unit)
    if slave is None:
        return None
    troubles = {f.what: f for f in slave.troubles()}
    if "silence" in troubles:
        return None
    reply = _reply(slave, request)
    if "exception" in troubles:
        reply = ExceptionResponse(request[0], troubles["exception"].code)
    reply.dev_id = unit % 247 + 1 if "wrong_unit" in troubles else unit
    reply.transaction_id = transaction
    data = secrets.token_bytes(5 + secrets.randbelow(40)) if "garbage" in troubles else framer.buildFrame(reply)
    return Answer(data, troubles["delay"].delay_ms / 1000 if "delay" in troubles else 0.0)


def _reply(slave: Slave, request: bytes) -> ModbusPDU:
    function = request[0]
    if function not in _REPLIES:
        return ExceptionResponse(function, Refused.FUNCTION)
    if len(request) != 5:
        return ExceptionResponse(function, Refused.VALUE)
    found = slave.read(function, *struct.unpack(">HH", request[1:]))
    return ExceptionResponse(function, found) if isinstance(found, Refused) else _REPLIES[function](found)


_REPLIES: dict[int, Callable[[Sequence[int]], ModbusPDU]] = {
    1: lambda bits: ReadCoilsResponse(bits=[bool(b) for b in bits]),
    2: lambda bits: ReadDiscreteInputsResponse(bits=[bool(b) for b in bits]),
    3: lambda words: ReadHoldingRegistersResponse(registers=words),
    4: lambda words: ReadInputRegistersResponse(registers=words),
}


class TcpPort:
    """Modbus TCP on one address; its number stays ours while it refuses connections.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    host, port : str, int
        Where to listen; port 0 takes a free one.

    Raises
    ------
    OSError
        When the address cannot be had.
    """

    def __init__(self, slaves: Mapping[int, Slave], host: str, port: int) -> None:
        self._slaves = slaves
        self._server: asyncio.Server | None = None
        self._connections: set[_TcpConnection] = set()
        # Bound but never listening: connections are refused, and nobody else gets the number.
        self._holder = _bound(host, port)
        self.host: str = host
        self.port: int = self._holder.getsockname()[1]

    async def accept(self, willing: bool) -> None:
        """Begin or cease to take connections; ceasing breaks off those that are open."""
        if willing and self._server is None:
            listener = _bound(self.host, self.port)
            self._server = await asyncio.get_running_loop().create_server(self._connect, sock=listener)
        elif not willing and self._server is not None:
            self._server.close()
            for connection in tuple(self._connections):
                connection.abort()
            await self._server.wait_closed()
            self._server = None

    async def close(self) -> None:
        """Stop for good."""
        await self.accept(False)
        self._holder.close()

    def _connect(self) -> "_TcpConnection":
        return _TcpConnection(self._slaves, self._connections)


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class _TcpConnection(asyncio.Protocol):
    def __init__(self, slaves: Mapping[int, Slave], connections: "set[_TcpConnection]") -> None:
        self._slaves, self._all = slaves, connections
        self._framer = FramerSocket(DecodePDU(is_server=True))
        self._buffer = b""
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
            self._transport.abort()

    # A reader that asks and never reads is not served until it does.
    def pause_writing(self) -> None:
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= FramerSocket.MIN_SIZE:
            protocol, length = struct.unpack(">HH", self._buffer[2:6])
            if protocol != 0 or not 2 <= length <= _LONGEST - 6:
                self.abort()  # not Modbus; there is no way to find the next frame
                return
            if len(self._buffer) < 6 + length:
                return
            _, unit, transaction, request = self._framer.decode(self._buffer[: 6 + length])
            self._buffer = self._buffer[6 + length :]
            if reply := answer(self._slaves, self._framer, unit, transaction, request):
                self._loop.call_later(reply.delay, self._send, reply.data) if reply.delay else self._send(reply.data)

    def _send(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)


class PtyPort:
    """Modbus RTU on a pseudo-terminal that a client opens like a serial device.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    link : str
        Symbolic link to make to it; an older link there is replaced. Empty for none.

    Raises
    ------
    OSError
        When there is no pseudo-terminal left, or something else lies at ``link``.
    """

    def __init__(self, slaves: Mapping[int, Slave], link: str = "") -> None:
        self._slaves = slaves
        self._framer = FramerRTU(DecodePDU(is_server=True))
        self._buffer = b""
        self._heard = 0.0
        self._loop = asyncio.get_running_loop()
        # The far end stays open here too, so that the terminal outlives each client.
        self._master, self._far = os.openpty()
        tty.setraw(self._far, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._far)
        self.link = link
        try:
            if link:
                _point(Path(link), self.device)
        except OSError:
            self._shut()
            raise
        self._loop.add_reader(self._master, self._read)

    async def close(self) -> None:
        """Stop, and take the link away."""
        self._loop.remove_reader(self._master)
        _unpoint(Path(self.link), self.device)
        self._shut()

    def _shut(self) -> None:
        os.close(self._master)
        os.close(self._far)

    def _read(self) -> None:
        now = self._loop.time()
        if now - self._heard > _IDLE:
            self._buffer = b""
        self._heard = now
        self._buffer += os.read(self._master, 4096)
        used, unit, _, request = self._framer.decode(self._buffer)
        self._buffer = self._buffer[used:][-_LONGEST:]
        if request and (reply := answer(self._slaves, self._framer, unit, 0, request)):
            self._loop.call_later(reply.delay, self._send, reply.data) if reply.delay else self._send(reply.data)

    def _send(self, data: bytes) -> None:
        try:
            os.write(self._master, data)
        except BlockingIOError:
            _log.warning("%s: answer dropped, nobody reads", self.device)


def _point(link: Path, device: str) -> None:
    if link.is_symlink():
        link.unlink()
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(device)


def _unpoint(link: Path, device: str) -> None:
    if link.is_symlink() and str(link.readlink()) == device:
        link.unlink()
