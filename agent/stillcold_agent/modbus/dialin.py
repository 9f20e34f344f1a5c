"""A bus that is not called but calls: a transmitter on the mobile network that dials in."""

import asyncio
import ipaddress
import logging
import time
from typing import cast

from stillcold_agent.config import DialInBus, wire_bytes
from stillcold_agent.modbus.connection import Connection
from stillcold_agent.modbus.frames import RtuFraming, TcpFraming

log = logging.getLogger(__name__)
_PATIENCE = 10.0  # s that a caller has to name itself
_MOST_UNNAMED = 8  # callers that have not named themselves yet
_SAY = 60.0  # s between lines in the log about callers that were refused: a scanner must not fill the disk


class DialInLine:
    """Listens for one transmitter; its newest connection is the one that counts.

    Parameters
    ----------
    settings : DialInBus
        Where to listen, and whom to let in.
    """

    patience = 0.0
    """To look for a caller costs nothing."""

    def __init__(self, settings: DialInBus) -> None:
        self._settings = settings
        self._networks = [ipaddress.ip_network(n) for n in settings.allow]
        self._registration = wire_bytes(settings.registration)
        self._server: asyncio.Server | None = None
        self._unnamed: dict[_Caller, str] = {}  # with their addresses, in the order in which they came
        self._current: Connection | None = None
        self._new: Connection | None = None
        self._said = float("-inf")

    @property
    def port(self) -> int:
        """The port that it listens on; 0 while it does not."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def connect(self) -> Connection | None:
        """See :class:`stillcold_agent.modbus.lines.Line`."""
        if self._server is None:
            where = self._settings.listen, self._settings.listen_port
            self._server = await asyncio.get_running_loop().create_server(lambda: _Caller(self), *where)
        connection, self._new = self._new, None
        return connection if connection is not None and connection.open else None

    def close(self) -> None:
        """See :class:`stillcold_agent.modbus.lines.Line`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for caller in list(self._unnamed):
            caller.hang_up()
        if self._new is not None:
            self._new.close()

    def called(self, caller: "_Caller", address: str) -> bool:
        """Whether a caller from an address may go on."""
        mine = ipaddress.ip_address(address.partition("%")[0])
        if self._networks and not any(mine in n for n in self._networks):
            return self._refuse(address, "not an address of allow")
        if len(self._unnamed) >= _MOST_UNNAMED:
            # Who names itself does so at once: a place is not left to those that only hold it.
            oldest = next(iter(self._unnamed))
            self._refuse(self._unnamed[oldest], "too many callers that do not register")
            oldest.hang_up()
        self._unnamed[caller] = address
        return True

    def named(self, address: str, begun: bytes) -> bool | None:
        """Whether what a caller sent first is the registration; None while that cannot be said."""
        if begun.startswith(self._registration):
            return True
        if self._registration.startswith(begun):
            return None
        return self._refuse(address, "another registration")

    def gone(self, caller: "_Caller") -> None:
        """A caller is not waiting any more."""
        self._unnamed.pop(caller, None)

    def take(self, transport: asyncio.Transport, address: str, rest: bytes) -> None:
        """Make a caller the bus's connection; the one before it is dead, whatever it looks like."""
        log.info("bus %(bus)s: %(caller)s has dialled in", {"bus": self._settings.id, "caller": address})
        for old in (self._current, self._new):
            if old is not None:
                old.close()
        connection = self._current = self._new = self._connection()
        transport.set_protocol(connection)
        connection.opened_socket(transport)
        if rest:
            connection.data_received(rest)

    def _connection(self) -> Connection:
        settings = self._settings
        noise = [n for n in (self._registration, wire_bytes(settings.heartbeat)) if n]
        if settings.frames == "tcp":
            return Connection(TcpFraming(noise), settings.timeout)
        return Connection(RtuFraming(noise), settings.timeout, settings.baud_rate)

    def _refuse(self, address: str, why: str) -> bool:
        if time.monotonic() - self._said >= _SAY:
            self._said = time.monotonic()
            said = {"bus": self._settings.id, "caller": address, "why": why}
            log.warning("bus %(bus)s: refused a caller from %(caller)s: %(why)s", said)
        return False


class _Caller(asyncio.Protocol):
    """A connection until it is known whose it is."""

    def __init__(self, line: DialInLine) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._address, self._begun = "", b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # a stream server makes no other
        peer = transport.get_extra_info("peername")
        if peer is None:  # gone already: a scanner that resets at once
            transport.abort()
            return
        self._transport, self._address = transport, str(peer[0])
        if not self._line.called(self, self._address):
            transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self.hang_up)
        self._look()

    def data_received(self, data: bytes) -> None:
        self._begun += data
        self._look()

    def connection_lost(self, _: Exception | None) -> None:
        self._done()

    def hang_up(self) -> None:
        """End it."""
        self._done()
        if self._transport is not None:
            self._transport.abort()

    def _look(self) -> None:
        named = self._line.named(self._address, self._begun)
        if named and self._transport is not None:
            self._done()
            self._line.take(self._transport, self._address, self._begun)
        elif named is False:
            self.hang_up()

    def _done(self) -> None:
        self._line.gone(self)
        if self._timer is not None:
            self._timer.cancel()
