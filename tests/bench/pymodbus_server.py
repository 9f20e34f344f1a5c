"""pymodbus' own simulator server with as many units as asked for; prints its port, and ends with its standard input."""

import asyncio
import sys

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def main(units: int) -> None:
    """Serve 3000 registers a unit."""
    registers = SimData(0, count=3000, values=0x1234, datatype=DataType.REGISTERS)
    server = ModbusTcpServer([SimDevice(n + 1, [registers]) for n in range(units)], address=("127.0.0.1", 0))
    await server.listen()
    assert isinstance(server.transport, asyncio.Server)
    print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
