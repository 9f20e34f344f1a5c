"""A TCP address that can be open or shut."""

import asyncio
import socket
import struct
from collections.abc import Callable


class Door:
    """A TCP address whose number stays ours while it refuses connections.

    Parameters
    ----------
    host, port : str, int
        Where to listen; port 0 takes a free one.

    Raises
    ------
    OSError
        When the address cannot be had.
    """

    def __init__(self, host: str, port: int) -> None:
        # Bound but never listening: connections are refused, and nobody else gets the number.
        self._holder = _bound(host, port)
        self._server: asyncio.Server | None = None
        self.host: str = host
        self.port: int = self._holder.getsockname()[1]

    @property
    def is_open(self) -> bool:
        """Whether connections are taken."""
        return self._server is not None

    async def open(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        """Take connections from now on."""
        listener = _bound(self.host, self.port)
        self._server = await asyncio.get_running_loop().create_server(factory, sock=listener)

    async def shut(self, abort: Callable[[], None]) -> None:
        """Take no more; ``abort`` breaks off those that there are."""
        if self._server is None:
            return
        self._server.close()
        abort()
        await self._server.wait_closed()
        self._server = None

    def release(self) -> None:
        """Give the number back."""
        self._holder.close()


def break_off(transport: asyncio.WriteTransport) -> None:
    """End a connection at once, by a reset instead of an orderly end."""
    held = transport.get_extra_info("socket")
    if held.fileno() >= 0:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
