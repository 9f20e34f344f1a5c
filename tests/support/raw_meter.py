"""A Modbus TCP meter that answers each request with whatever bytes a test wants."""

import asyncio
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from stillcold_core.profiles import Profile, encode


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    transaction: int
    unit: int
    function: int
    address: int
    count: int


Respond = Callable[[Request], bytes | None]


def frame(request: Request, content: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
    """A reply: header, and ``content`` from the function code on."""
    number = request.transaction if transaction is None else transaction
    return struct.pack(">HHHB", number, 0, len(content) + 1, request.unit if unit is None else unit) + content


def honest(request: Request) -> bytes:
    """What a working meter answers: each register holds its own address."""
    words = range(request.address, request.address + request.count)
    if request.function in (1, 2):
        size = (request.count + 7) // 8
        bits = sum((address % 2) << i for i, address in enumerate(words))
        return frame(request, struct.pack("BB", request.function, size) + bits.to_bytes(size, "little"))
    data = struct.pack(f">{request.count}H", *words)
    return frame(request, struct.pack("BB", request.function, len(data)) + data)


class RawMeter:
    """Listens on loopback.

    Attributes
    ----------
    port : int
        Where; stays the same over ``stop`` and ``start``.
    respond : callable
        Bytes to send for a request; None keeps silent, empty bytes end the connection.
    requests : list of Request
        What was asked.
    connections : int
        How many were made.
    """

    def __init__(self, respond: Respond = honest) -> None:
        self.respond, self.port = respond, 0
        self.requests: list[Request] = []
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and break off those that are open."""
        if self._server is not None:
            self._server.close()
            for writer in self._open:
                writer.transport.abort()
            await asyncio.gather(*self._open.values())
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        try:
            while (reply := self._reply(await reader.readexactly(12))) != b"":
                writer.write(reply or b"")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._open[writer]
            writer.close()

    def _reply(self, data: bytes) -> bytes | None:
        transaction, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", data)
        self.requests.append(Request(transaction, unit, function, address, count))
        return self.respond(self.requests[-1])


class Registers:
    """Answers like a meter of a profile that shows ``values``; change them at any time.

    Attributes
    ----------
    values : dict of str to float
        By quantity; the others show 0.
    """

    def __init__(self, profile: Profile, values: Mapping[str, float]) -> None:
        self._profile, self.values = profile, dict(values)

    def __call__(self, request: Request) -> bytes:
        """The reply to a request."""
        shown: dict[int, int] = {}
        for register in self._profile.register:
            if self._profile.function_of(register) == request.function:
                words = encode(self._profile, register, self.values.get(register.quantity, 0.0))
                shown |= {self._profile.wire_address(register) + i: word for i, word in enumerate(words)}
        asked = range(request.address, request.address + request.count)
        data = b"".join(struct.pack(">H", shown.get(address, 0)) for address in asked)
        return frame(request, struct.pack("BB", request.function, len(data)) + data)
