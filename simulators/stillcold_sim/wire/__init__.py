"""Modbus on the wire: slaves behind a TCP port, a pseudo-terminal or a serial device, and what goes wrong there.

RTU frames are pymodbus'; the sockets are our own, because pymodbus' server answers exception 4 for a unit that is not
there, keeps one request per connection in hand, and cannot keep silent for one unit only.

As on a real RS-485 bus behind a gateway, a unit that is not there does not answer.
"""

from stillcold_sim.wire.device import DevicePort
from stillcold_sim.wire.line import RtuLine
from stillcold_sim.wire.pty import PtyPort
from stillcold_sim.wire.slaves import Slave
from stillcold_sim.wire.tcp import TcpPort

__all__ = ["DevicePort", "PtyPort", "RtuLine", "Slave", "TcpPort"]
