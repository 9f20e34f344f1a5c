"""How the connections of a bus come about, one class a kind; whoever asks for one decides when to ask again."""

import asyncio
import termios
from typing import Protocol

import serial

from stillcold_agent.config import Bus, DialInBus, RtuBus, RtuOverTcpBus, TcpBus
from stillcold_agent.modbus.connection import Connection
from stillcold_agent.modbus.dialin import DialInLine
from stillcold_agent.modbus.frames import RtuFraming, TcpFraming
from stillcold_agent.modbus.port import Port


class Line(Protocol):
    """Where a bus leads.

    Attributes
    ----------
    patience : float
        s, the longest wait between two attempts that makes sense.
    """

    patience: float

    async def connect(self) -> Connection | None:
        """One attempt; None where there is nobody yet.

        Raises
        ------
        OSError
            When it failed.
        """

    def close(self) -> None:
        """Give up what was opened to wait for connections."""


def line_of(settings: Bus) -> Line:
    """The line that the settings describe."""
    if isinstance(settings, RtuBus):
        return SerialLine(settings)
    if isinstance(settings, DialInBus):
        return DialInLine(settings)
    return TcpLine(settings)


class TcpLine:
    """A TCP address.

    Parameters
    ----------
    settings : TcpBus or RtuOverTcpBus
        Which, and what frames are sent there.
    """

    patience = 30.0

    def __init__(self, settings: TcpBus | RtuOverTcpBus) -> None:
        self._settings = settings

    async def connect(self) -> Connection | None:
        """See :class:`Line`."""
        loop, settings = asyncio.get_running_loop(), self._settings
        try:
            async with asyncio.timeout(settings.timeout):
                transport, connection = await loop.create_connection(self._make, settings.host, settings.port)
        except UnicodeError as error:  # a name that no name server can be asked for
            raise OSError(str(error)) from error
        connection.opened_socket(transport)
        return connection

    def _make(self) -> Connection:
        settings = self._settings
        if isinstance(settings, RtuOverTcpBus):
            return Connection(RtuFraming(), settings.timeout, settings.baud_rate)
        return Connection(TcpFraming(), settings.timeout)

    def close(self) -> None:
        """See :class:`Line`."""


class SerialLine:
    """A serial device.

    Parameters
    ----------
    settings : RtuBus
        Which, and how it is set.
    """

    patience = 30.0

    def __init__(self, settings: RtuBus) -> None:
        self._settings = settings

    async def connect(self) -> Connection | None:
        """See :class:`Line`."""
        settings = self._settings
        try:
            device = serial.Serial(
                settings.device,
                settings.baud_rate,
                parity=settings.parity,
                stopbits=settings.stop_bits,
                exclusive=True,
            )
            device.timeout = 0  # sets it once more: what took only some of the settings refuses now
        except (termios.error, ValueError) as error:  # an adapter that refuses its settings
            raise OSError(str(error)) from error
        connection = Connection(RtuFraming(), settings.timeout, settings.baud_rate)
        connection.opened(Port(device, connection))
        return connection

    def close(self) -> None:
        """See :class:`Line`."""
