"""A serial device in the event loop: what comes is handed on, what is sent is written at once."""

import asyncio
import os

import serial

from stillcold_agent.modbus.connection import Connection

_MOST = 4096  # bytes taken at once; what a driver keeps


class Port:
    """An open device; a :class:`~stillcold_agent.modbus.connection.Transport`.

    Parameters
    ----------
    device : Serial
        Open; closed with this.
    connection : Connection
        Gets what comes, and is told when the device is gone: an adapter that was pulled out.

    Notes
    -----
    Not the loop's own pipe: libuv's is for pipes and sockets, and ended the process when a terminal was closed.
    """

    def __init__(self, device: serial.Serial, connection: Connection) -> None:
        self._device, self._connection = device, connection
        self._loop = asyncio.get_running_loop()
        self._descriptor: int = device.fileno()
        os.set_blocking(self._descriptor, False)
        self._loop.add_reader(self._descriptor, self._read)

    def is_closing(self) -> bool:
        """Whether it is closed, or gone."""
        return not self._device.is_open

    def close(self) -> None:
        """Let go of it."""
        if self._device.is_open:
            self._loop.remove_reader(self._descriptor)
            self._device.close()

    def write(self, data: bytes) -> None:
        """Send a frame; the driver's buffer is longer than any.

        Raises
        ------
        OSError
            When the device is gone.
        """
        os.write(self._descriptor, data)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _MOST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._connection.data_received(data)
        else:
            self.close()
            self._connection.connection_lost(None)
