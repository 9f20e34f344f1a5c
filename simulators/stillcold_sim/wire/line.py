"""A serial line that slaves answer on."""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence

import numpy as np

from stillcold_sim.wire.answers import Link, answer
from stillcold_sim.wire.library import LONGEST, RtuFraming
from stillcold_sim.wire.outbox import Outbox
from stillcold_sim.wire.slaves import Slave

_log = logging.getLogger(__name__)
_IDLE = 0.05  # s without a byte after which half a request is forgotten


class RtuLine:
    """Modbus RTU on an open terminal.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    end : int
        Descriptor of our end of the line; does not block.
    device : str
        What a client opens, or what we opened.
    seed : sequence of int
        Of the faults that come by chance.
    """

    def __init__(self, slaves: Mapping[int, Slave], end: int, device: str, seed: Sequence[int]) -> None:
        self.device = device
        self.link = ""
        self._slaves, self._end = slaves, end
        self._framing, self._state = RtuFraming(), Link()
        self._chance = np.random.default_rng(seed)
        self._outbox = Outbox(self._send, lambda: None)
        self._buffer = b""
        self._heard = 0.0
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self._read)

    async def close(self) -> None:
        """Stop."""
        self._open = False
        self._loop.remove_reader(self._end)

    def _read(self) -> None:
        now = self._loop.time()
        if now - self._heard > _IDLE:
            self._buffer = b""
        self._heard = now
        try:
            self._buffer += os.read(self._end, 4096)
        except BlockingIOError:
            return  # woken for nothing
        except OSError as error:
            _log.error("%s: %s; nothing is answered there any more", self.device, error)
            self._loop.remove_reader(self._end)
            return
        used, request = self._framing.take(self._buffer)
        self._buffer = self._buffer[used:][-LONGEST:]
        if request and (reply := answer(self._slaves, self._framing, self._state, request, self._chance)):
            self._outbox.put(reply)

    def _send(self, data: bytes) -> None:
        if not self._open:
            return
        try:
            os.write(self._end, data)
        except BlockingIOError:
            _log.warning("%s: answer dropped, nobody reads", self.device)
