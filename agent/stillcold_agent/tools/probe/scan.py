"""Which units answer, and at which settings of the line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stillcold_agent.tools.probe.line import Heard, Line, ProbedBus
from stillcold_core.readings import Absence

_NOBODY = (Absence.TIMEOUT, Absence.DISCONNECTED)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that answers.

    Attributes
    ----------
    bus : ProbedBus
        The settings at which it does.
    number : int
        Its address.
    clear : bool
        Whether its answers can be read; else several share the address, or the line is bad.
    seconds : float
        From the question to the whole answer.
    """

    bus: ProbedBus
    number: int
    clear: bool
    seconds: float


async def scan(
    buses: Sequence[ProbedBus], units: Sequence[int], function: int, found: Callable[[Unit], None], asked: Heard
) -> bool:
    """Ask each unit for one register, setting after setting until one brings a clear answer: a line has one speed.

    Any answer will do: a unit that refuses the register is there too.

    Returns
    -------
    bool
        Whether there was a line or socket at all.
    """
    opened = False
    for bus in buses:
        async with Line(bus, asked) as line:
            opened |= line.connected
            here = [u for u in await _units(line, bus, units, function, found) if u.clear] if line.connected else []
        if here:
            break
    return opened


async def _units(
    line: Line, bus: ProbedBus, units: Sequence[int], function: int, found: Callable[[Unit], None]
) -> list[Unit]:
    here = []
    for number in units:
        answer, seconds = await line.ask(number, function, 0, 1)
        if answer not in _NOBODY:
            here.append(Unit(bus, number, answer is not Absence.BAD_REPLY, seconds))
            found(here[-1])
    return here
