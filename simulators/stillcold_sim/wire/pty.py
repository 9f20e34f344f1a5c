"""A pseudo-terminal that slaves answer on."""

import os
import termios
import tty
from collections.abc import Mapping, Sequence
from pathlib import Path

from stillcold_sim.wire.line import RtuLine
from stillcold_sim.wire.slaves import Slave


class PtyPort(RtuLine):
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
        # The far end stays open here too, so that the terminal outlives each client.
        self._ends = os.openpty()
        master, far = self._ends
        tty.setraw(far, termios.TCSANOW)
        os.set_blocking(master, False)
        try:
            if link:
                _point(Path(link), os.ttyname(far))
        except OSError:
            self._shut()
            raise
        super().__init__(slaves, master, os.ttyname(far), seed)
        self.link = link

    async def close(self) -> None:
        """Stop, and take the link away."""
        await super().close()
        _unpoint(Path(self.link), self.device)
        self._shut()

    def _shut(self) -> None:
        for end in self._ends:
            os.close(end)


def _point(link: Path, device: str) -> None:
    if link.is_symlink():
        link.unlink()
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(device)


def _unpoint(link: Path, device: str) -> None:
    if link.is_symlink() and str(link.readlink()) == device:
        link.unlink()
