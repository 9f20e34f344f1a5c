"""Each fault of frames and connections, and what the agent's Modbus client makes of it: never a wrong number."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stillcold_agent.config import RtuBus, TcpBus
from stillcold_agent.meters import Answer
from stillcold_agent.modbus.connection import Connection
from stillcold_agent.modbus.frames import question
from stillcold_agent.modbus.lines import Line, line_of
from stillcold_core.readings import Absence
from stillcold_sim.scenario import load_scenario
from stillcold_sim.serve import Served, serving
from support.wire import METERS, fault

HEAD = 'name = "test"\n[[port]]\nid = "bus"\nkind = "KIND"\n' + METERS
SET = '[[event]]\nat = 0\nmeter = "{}"\nwhat = "set"\nvalues = {{ frequency = {} }}\n'
FIFTY, FORTY_NINE = (0x4248, 0), (0x4244, 0)  # float32
EVERYWHERE = [
    ("silence", ""),
    ("exception", ""),
    ("delay", "delay_ms = 600"),
    ("split", "gap_ms = 2"),
    ("truncated", ""),
    ("truncated", "bytes = 6"),
    ("extra", ""),
    ("garbage", ""),
    ("wrong_unit", ""),
    ("collision", ""),
    ("reboot", "boot = 3600"),
    ("garbage", "share = 0.5"),
]
CASES = [
    *(("tcp", *case) for case in [*EVERYWHERE, ("wrong_transaction", ""), ("drop", "after = 1"), ("half_open", "")]),
    *(("rtu", *case) for case in [*EVERYWHERE, ("bad_crc", "")]),
]


class Client:
    """Asks one request at a time, on a new connection after one that failed."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._connection: Connection | None = None

    async def ask(self, unit: int) -> Answer:
        if self._connection is None or not self._connection.open:
            self._connection = await self._line.connect()
        assert self._connection is not None
        answer = await self._connection.ask(question(unit, 4, 70, 2))
        if isinstance(answer, Absence) and answer is not Absence.EXCEPTION:
            self._connection.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _client(served: Served) -> Client:
    if served.scenario.file.port[0].kind == "rtu":
        return Client(line_of(RtuBus("b", served.pty("bus"), timeout=0.3)))
    return Client(line_of(TcpBus("b", *served.tcp("bus"), 0.3)))


@pytest.mark.requirement("sim.fault.agent")
@pytest.mark.parametrize(("kind", "what", "more"), CASES)
async def test_no_fault_makes_a_wrong_number(kind: str, what: str, more: str, write: Callable[[str], Path]) -> None:
    """The meter's number or none; and its neighbour can be read in between."""
    text = HEAD.replace("KIND", kind) + SET.format("one", 50) + SET.format("two", 49) + fault(what, more)
    async with serving(load_scenario(write(text))) as served:
        client = _client(served)
        for _ in range(3):
            answer = await client.ask(1)
            assert isinstance(answer, Absence) or answer == FIFTY
            neighbour = [await client.ask(2) for _ in range(3)]
            assert all(isinstance(n, Absence) or n == FORTY_NINE for n in neighbour), (answer, neighbour)
            assert FORTY_NINE in neighbour, (answer, neighbour)
        client.close()
