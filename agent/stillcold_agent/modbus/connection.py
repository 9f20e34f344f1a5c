"""One open connection: sends a request, waits for its answer, and lets nothing else pass for it."""

import asyncio
import logging
import socket
import time
from typing import Protocol

from stillcold_agent import loop
from stillcold_agent.meters import Answer
from stillcold_agent.modbus.frames import Framing, OutOfStep, Question
from stillcold_core.readings import Absence

log = logging.getLogger(__name__)
_CHARACTER = 11  # bits of a character on a serial line (Modbus over Serial Line V1.02, 2.5.1)
_SHORTEST_SILENCE = 0.00175  # s, whatever the baud rate (the same, 2.5.1.1)
_ENVELOPE = 5  # bytes around the data of an answer: unit, function, length, checksum
_LONGEST = 256  # characters of a frame
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 30),  # s
    (socket.TCP_KEEPINTVL, 10),  # s
    (socket.TCP_KEEPCNT, 3),
    (socket.TCP_USER_TIMEOUT, 20_000),  # ms that bytes may stay unacknowledged
)


class Transport(Protocol):
    """What a connection sends on."""

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""

    def close(self) -> None:
        """Let go of it."""

    def write(self, data: bytes) -> None:
        """Send.

        Raises
        ------
        OSError
            When the device is gone.
        """


class Connection(asyncio.Protocol):
    """A line or socket while it is open; one request at a time.

    Parameters
    ----------
    framing : Framing
        How requests and answers are packed.
    timeout : float
        s that a meter may take to begin its answer.
    baud_rate : int
        Of the serial line, here or behind a converter; 0 where there is none. It adds the time that the frames
        themselves take to the timeout, and keeps the silence between them.
    """

    def __init__(self, framing: Framing, timeout: float, baud_rate: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self._framing, self._timeout = framing, timeout
        self._character = _CHARACTER / baud_rate if baud_rate else 0.0
        self._silence = max(3.5 * self._character, _SHORTEST_SILENCE) if baud_rate else 0.0
        self._quiet_since = 0.0
        self._transport: Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    @property
    def open(self) -> bool:
        """Whether requests can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def numbered(self) -> bool:
        """Whether answers say which request they belong to, so that a late one is never taken for another's."""
        return self._framing.numbered

    async def ask(self, asked: Question) -> Answer:
        """Ask once.

        Returns
        -------
        tuple of int, or Absence
            The words (or bits) asked for, or ``timeout``, ``exception``, ``bad_reply`` or ``disconnected``.
        """
        if self._silence:
            await self._wait_for_silence()
        transport = self._transport
        if transport is None or transport.is_closing():
            return Absence.DISCONNECTED
        self._waiter = self._loop.create_future()
        frame = self._framing.ask(asked)
        now = time.monotonic()
        self._quiet_since = now + self._character * len(frame)
        self._expire_at(now + self._timeout + self._character * (len(frame) + asked.size + _ENVELOPE))
        try:
            transport.write(frame)
            return await self._waiter
        except OSError as error:  # a serial adapter that was pulled out
            log.debug("cannot send: %s", error)
            self.close()
            return Absence.DISCONNECTED
        finally:
            self._waiter = None

    def close(self) -> None:
        """Give it up; whoever waits for an answer is told."""
        if self._transport is not None:
            self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._answer(Absence.DISCONNECTED)

    def opened(self, transport: Transport) -> None:
        """Begin to use a transport."""
        self._transport = transport

    def opened_socket(self, transport: asyncio.Transport) -> None:
        """Begin to use a socket's transport."""
        self.opened(transport)
        _keep_alive(transport.get_extra_info("socket"))

    def connection_lost(self, _: Exception | None) -> None:
        """See :class:`asyncio.Protocol`. A request that waits ends at once, not at its timeout."""
        self._transport = None
        self.close()

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._quiet_since = time.monotonic()
        try:
            answer = self._framing.feed(data)
        except OutOfStep as error:
            log.debug("giving the connection up: %s", error)
            self._answer(Absence.BAD_REPLY)
            self.close()
            return
        if answer is not None:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)

    async def _wait_for_silence(self) -> None:
        """Keep the silent interval before a frame, and let a late answer pass that is under way.

        A line on which somebody never falls silent is waited for no longer than the longest frame takes.
        """
        end = time.monotonic() + _LONGEST * self._character
        while (  # noqa: ASYNC110  # waits for nothing to happen
            pause := self._quiet_since + self._silence - (now := time.monotonic())
        ) > 0 and now < end:
            await asyncio.sleep(max(pause, loop.TICK))  # and look again: to sleep for longer costs a fast line much

    def _expire_at(self, deadline: float) -> None:
        """One timer for all requests: it is set again when it fires before its time, not with each request."""
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(deadline - time.monotonic(), self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if time.monotonic() < self._deadline:
            self._expire_at(self._deadline)
            return
        midway = self._framing.midway
        self._answer(Absence.BAD_REPLY if midway or self._framing.heard else Absence.TIMEOUT)
        if midway:  # what comes next would be taken for the rest of that frame
            self.close()


def _keep_alive(sock: socket.socket) -> None:
    """Have the kernel find a far end that is gone without a word: a rebooted converter, a lost mobile network."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
