"""A serial device that slaves answer on."""

from collections.abc import Mapping, Sequence
from typing import Literal

import serial

from stillcold_sim.wire.line import RtuLine
from stillcold_sim.wire.slaves import Slave


class DevicePort(RtuLine):
    """Modbus RTU on a serial device of this machine, e.g. a USB adapter that is wired to a gateway's RS-485.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    device : str
        Its path.
    baud_rate, parity, stop_bits
        Of the line.
    seed : sequence of int
        Of the faults that come by chance.

    Raises
    ------
    OSError
        When it cannot be opened, or another program holds it.
    """

    def __init__(
        self,
        slaves: Mapping[int, Slave],
        device: str,
        *,
        baud_rate: int = 9600,
        parity: Literal["N", "E", "O"] = "N",
        stop_bits: Literal[1, 2] = 1,
        seed: Sequence[int] = (0,),
    ) -> None:
        self._port = serial.Serial(
            device, baudrate=baud_rate, parity=parity, stopbits=stop_bits, timeout=0, exclusive=True
        )
        super().__init__(slaves, self._port.fileno(), device, seed)

    async def close(self) -> None:
        """Stop, and let the device go."""
        await super().close()
        self._port.close()
