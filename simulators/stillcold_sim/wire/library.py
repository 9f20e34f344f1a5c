"""What is taken from pymodbus; nothing else in this room imports it."""

import struct
from dataclasses import dataclass
from typing import Protocol

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

LONGEST = 260  # bytes of a Modbus TCP frame, the longest there is


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
        return struct.unpack(">HH", self.pdu[1:]) if self.function in (1, 2, 3, 4) and len(self.pdu) == 5 else None


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

    def __init__(self) -> None:
        self._framer = FramerSocket(DecodePDU(is_server=True))

    def take(self, data: bytes) -> tuple[int, Request | None]:
        """See :class:`Framing`."""
        if len(data) < FramerSocket.MIN_SIZE:
            return 0, None
        protocol, length = struct.unpack(">HH", data[2:6])
        if protocol != 0 or not 2 <= length <= LONGEST - 6:
            raise NotModbus(f"protocol {protocol}, length {length}")
        if len(data) < 6 + length:
            return 0, None
        _, unit, transaction, pdu = self._framer.decode(data[: 6 + length])
        return 6 + length, Request(unit, transaction, pdu)

    def build(self, unit: int, transaction: int, pdu: bytes) -> bytes:
        """See :class:`Framing`."""
        return self._framer.encode(pdu, unit, transaction)


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
