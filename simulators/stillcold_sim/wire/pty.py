"""A pseudo-terminal that slaves answer on."""

import asyncio
import logging
import os
import termios
import tty
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stillcold_sim.wire.answers import Link, answer
from stillcold_sim.wire.library import LONGEST, RtuFraming
from stillcold_sim.wire.outbox import Outbox
from stillcold_sim.wire.slaves import Slave

_log = logging.getLogger(__name__)
_IDLE = 0.05  # s without a byte after which half a request on a serial line is forgotten


class PtyPort:
    """Modbus RTU on a pseudo-terminal that a client opens like a serial device.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    link : str
        Symbolic link to make to it; an older link there is replaced. Empty for none.
    seed : sequence of int
        Of the faults that come by chance.

    Raises
    ------
    OSError
        When there is no pseudo-terminal left, or something else lies at ``link``.
    """

    def __init__(self, slaves: Mapping[int, Slave], link: str = "", *, seed: Sequence[int] = (0,)) -> None:
        self._slaves = slaves
        self._framing, self._link = RtuFraming(), Link()
        self._chance = np.random.default_rng(seed)
        self._outbox = Outbox(self._send, lambda: None)
        self._buffer = b""
        self._heard = 0.0
        self._loop = asyncio.get_running_loop()
        # The far end stays open here too, so that the terminal outlives each client.
        self._master, self._far = os.openpty()
        tty.setraw(self._far, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._far)
        self.link = link
        self._open = True
        try:
            if link:
                _point(Path(link), self.device)
        except OSError:
            self._shut()
            raise
        self._loop.add_reader(self._master, self._read)

    async def close(self) -> None:
        """Stop, and take the link away."""
        self._loop.remove_reader(self._master)
        _unpoint(Path(self.link), self.device)
        self._shut()

    def _shut(self) -> None:
        self._open = False
        os.close(self._master)
        os.close(self._far)

    def _read(self) -> None:
        now = self._loop.time()
        if now - self._heard > _IDLE:
            self._buffer = b""
        self._heard = now
        self._buffer += os.read(self._master, 4096)
        used, request = self._framing.take(self._buffer)
        self._buffer = self._buffer[used:][-LONGEST:]
        if request and (reply := answer(self._slaves, self._framing, self._link, request, self._chance)):
            self._outbox.put(reply)

    def _send(self, data: bytes) -> None:
        if not self._open:
            return
        try:
            os.write(self._master, data)
        except BlockingIOError:
            _log.warning("%s: answer dropped, nobody reads", self.device)


def _point(link: Path, device: str) -> None:
    if link.is_symlink():
        link.unlink()
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(device)


def _unpoint(link: Path, device: str) -> None:
    if link.is_symlink() and str(link.readlink()) == device:
        link.unlink()
