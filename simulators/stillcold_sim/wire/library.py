"""What is taken from pymodbus; nothing else in this room imports it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

LONGEST = 260  # bytes of a Modbus TCP frame, the longest there is
_MBAP = struct.Struct(">HHHB")  # transaction, protocol, length of what follows, unit
_PLACE = struct.Struct(">HH")


class NotModbus(ValueError):
    """There is no frame in these bytes, and no way to find the next one."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came out of its frame.

    Attributes
    ----------
    unit, transaction : int
        Whom it asks, and its number (0 on a serial line).
    pdu : bytes
        Function code and what follows.
    """

    unit: int
    transaction: int
    pdu: bytes

    @property
    def function(self) -> int:
        """Function code."""
        return self.pdu[0]

    @property
    def place(self) -> tuple[int, int] | None:
        """First register (or bit) and how many, where it is a whole request to read."""
        return _PLACE.unpack_from(self.pdu, 1) if self.function in (1, 2, 3, 4) and len(self.pdu) == 5 else None


class Framing(Protocol):
    """How requests and answers are packed."""

    checked: bool
    """Whether frames end with a checksum, as on a serial line."""

    def take(self, data: bytes) -> tuple[int, Request | None]:
        """How many bytes are done with, and the request in them; 0 and None where more must come.

        Raises
        ------
        NotModbus
            When nothing that follows can be understood.
        """

    def build(self, unit: int, transaction: int, pdu: bytes) -> bytes:
        """A frame."""


class TcpFraming:
    """Modbus TCP: a length in front."""

    checked = False

    def take(self, data: bytes) -> tuple[int, Request | None]:
        """See :class:`Framing`."""
        if len(data) <= _MBAP.size:
            return 0, None
        transaction, protocol, length, unit = _MBAP.unpack_from(data)
        if protocol != 0 or not 2 <= length <= LONGEST - 6:
            raise NotModbus(f"protocol {protocol}, length {length}")
        if len(data) < 6 + length:
            return 0, None
        return 6 + length, Request(unit, transaction, data[_MBAP.size : 6 + length])

    def build(self, unit: int, transaction: int, pdu: bytes) -> bytes:
        """See :class:`Framing`."""
        return _MBAP.pack(transaction, 0, len(pdu) + 1, unit) + pdu


class RtuFraming:
    """Modbus RTU: a checksum behind."""

    checked = True

    def __init__(self) -> None:
        self._framer = FramerRTU(DecodePDU(is_server=True))

    def take(self, data: bytes) -> tuple[int, Request | None]:
        """See :class:`Framing`."""
        used, unit, _, pdu = self._framer.decode(data)
        return used, Request(unit, 0, pdu) if pdu else None

    def build(self, unit: int, transaction: int, pdu: bytes) -> bytes:
        """See :class:`Framing`."""
        return self._framer.encode(pdu, unit, transaction)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bus is reached.

    Attributes
    ----------
    host, port : str, int
        Of a TCP port.
    rtu : bool
        Whether frames on it are those of a serial line.
    device : str
        Instead: a serial device.
    baud_rate, parity, stop_bits
        Of the device.
    """

    host: str = ""
    port: int = 502
    rtu: bool = False
    device: str = ""
    baud_rate: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: int = 1


class Reader:
    """Reads a bus; a connection that is lost is made again with the next request.

    Parameters
    ----------
    place : Place
        Where it is.
    timeout : float
        s to wait for an answer, and for a connection.
    """

    def __init__(self, place: Place, timeout: float) -> None:
        self._client: AsyncModbusSerialClient | AsyncModbusTcpClient
        if place.device:
            self._client = AsyncModbusSerialClient(
                place.device,
                baudrate=place.baud_rate,
                parity=place.parity,
                stopbits=place.stop_bits,
                timeout=timeout,
                retries=0,
                reconnect_delay=0,
                trace_connect=self._on_connection,
            )
        else:
            framer = FramerType.RTU if place.rtu else FramerType.SOCKET
            self._client = AsyncModbusTcpClient(
                place.host,
                port=place.port,
                framer=framer,
                timeout=timeout,
                retries=0,
                reconnect_delay=0,
                trace_connect=self._on_connection,
            )

    async def read(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | None:
        """Registers (or bits); None where no sound answer came."""
        client = self._client
        if not client.connected and not await client.connect():
            return None
        ask = {
            1: client.read_coils,
            2: client.read_discrete_inputs,
            3: client.read_holding_registers,
            4: client.read_input_registers,
        }[function]
        try:
            reply = await ask(address, count=count, device_id=unit)
        except ModbusException:
            return None
        if reply.isError():
            return None
        words = [int(b) for b in reply.bits[:count]] if function < 3 else reply.registers
        return words if len(words) == count else None

    def close(self) -> None:
        """Give the connection up."""
        self._client.close()

    def _on_connection(self, connected: bool) -> None:
        """End a request that waits on a lost connection at once instead of at its timeout."""
        if not connected and not self._client.ctx.response_future.done():
            self._client.ctx.response_future.set_exception(ConnectionException("the connection was lost"))
