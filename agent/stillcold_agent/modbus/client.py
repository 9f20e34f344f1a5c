"""One Modbus connection: the only place that knows the Modbus library.

Only the four reading functions exist here, so nothing can write to a meter.
"""

import logging
import math
import termios

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException
from pymodbus.pdu import DecodePDU, ModbusPDU

from stillcold_agent.config import Bus, RtuBus
from stillcold_agent.meters import Answer
from stillcold_core.readings import Absence

log = logging.getLogger(__name__)
_NEVER = 1 << 62
"""The bus above decides when a connection is given up, not the library's own counter."""


class Client:
    """A connection to one bus, made and lost but never remade by itself.

    Parameters
    ----------
    settings : Bus
        Where it leads.
    """

    def __init__(self, settings: Bus) -> None:
        self._settings = settings
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient | None = None
        self._heard = False

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return self._client is not None and self._client.connected

    async def connect(self) -> bool:
        """Try once, for as long as the bus's timeout; whether it worked."""
        self.close()
        self._client = self._make()
        try:
            return await self._client.connect()
        except termios.error as error:  # an adapter that refuses its settings; the library lets it through
            log.warning("%s: %s", self._settings.id, error)
            self.close()
            return False

    def close(self) -> None:
        """Give the connection up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(self, unit: int, function: int, address: int, count: int) -> Answer:
        """Ask once.

        Parameters
        ----------
        unit : int
            Address of the meter.
        function : int
            1 coils, 2 discrete inputs, 3 holding registers, 4 input registers.
        address, count : int
            Zero-based first register (or bit), and how many.

        Returns
        -------
        tuple of int, or Absence
            The ``count`` words (or bits), or ``timeout``, ``exception``, ``bad_reply`` or ``disconnected``.
        """
        if self._client is None or not self._client.connected:
            return Absence.DISCONNECTED
        client = self._client
        ask = {
            1: client.read_coils,
            2: client.read_discrete_inputs,
            3: client.read_holding_registers,
            4: client.read_input_registers,
        }[function]
        self._heard = False
        try:
            reply = await ask(address, count=count, device_id=unit)
        except ConnectionException:
            return Absence.DISCONNECTED
        except ModbusException:
            return Absence.BAD_REPLY if self._heard else Absence.TIMEOUT
        return _content(reply, function, count)

    def _make(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        settings = self._settings
        client: AsyncModbusTcpClient | AsyncModbusSerialClient
        if isinstance(settings, RtuBus):
            client = AsyncModbusSerialClient(
                settings.device,
                framer=FramerType.RTU,
                baudrate=settings.baud_rate,
                parity=settings.parity,
                stopbits=settings.stop_bits,
                timeout=settings.timeout,
                reconnect_delay=0,
                retries=0,
                trace_packet=self._on_packet,
                trace_connect=self._on_connection,
            )
        else:
            client = AsyncModbusTcpClient(
                settings.host,
                port=settings.port,
                timeout=settings.timeout,
                reconnect_delay=0,
                retries=0,
                trace_packet=self._on_packet,
                trace_connect=self._on_connection,
            )
        client.set_max_no_responses(_NEVER)
        client.ctx.framer.decoder = _Decoder(is_server=False)
        return client

    def _on_packet(self, sending: bool, data: bytes) -> bytes:
        self._heard = self._heard or not sending
        return data

    def _on_connection(self, connected: bool) -> None:
        """End a request that waits on a lost connection at once instead of at its timeout."""
        if not connected and self._client is not None and not self._client.ctx.response_future.done():
            self._client.ctx.response_future.set_exception(ConnectionException("the connection was lost"))


class _Unreadable(ModbusPDU):
    """Stands for an answer that cannot be read."""


class _Decoder(DecodePDU):
    """The library's decoder raises on such an answer inside the event loop, which tears the connection down."""

    def decode(self, frame: bytes) -> ModbusPDU:
        return super().decode(frame) or _Unreadable()


def _content(reply: ModbusPDU, function: int, count: int) -> Answer:
    """Exactly what was asked for, or why not: a short or foreign answer is never filled up."""
    if reply.isError():
        return Absence.EXCEPTION if reply.function_code & 0x7F == function else Absence.BAD_REPLY
    if reply.function_code != function:
        return Absence.BAD_REPLY
    if function in (1, 2):
        whole = len(reply.bits) == 8 * math.ceil(count / 8)
        return tuple(int(b) for b in reply.bits[:count]) if whole else Absence.BAD_REPLY
    return tuple(reply.registers) if len(reply.registers) == count else Absence.BAD_REPLY
