"""What is searched: a serial device at several settings, or a socket."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from stillcold_agent.config import Config, DialInBus, RtuBus, RtuOverTcpBus, TcpBus
from stillcold_agent.tools.probe.line import ProbedBus
from stillcold_agent.tools.running import agent_runs
from stillcold_core.files import BadFile

Parity = Literal["N", "E", "O"]
BAUD_RATES = (9600, 19200, 4800, 2400, 38400, 115200)
"""In the order in which meters are met in the field."""
PARITIES: Sequence[Parity] = ("N", "E")
SERIAL_TIMEOUT, SOCKET_TIMEOUT = 0.2, 1.0
"""s; a meter on a line answers within 0.1 s, a converter first waits for the meter behind it."""
_NAME = "found"
_UNITS = re.compile(r"(\d+)(?:-(\d+))?")


def buses_of(
    target: str,
    baud_rates: Sequence[int],
    parities: Sequence[Parity],
    stop_bits: Literal[1, 2],
    timeout: float | None,
    *,
    rtu_over_tcp: bool = False,
) -> list[ProbedBus]:
    """One bus for each setting of a serial device, or the one of a socket.

    Parameters
    ----------
    target : str
        Path of a serial device (with ``/`` in it), else ``host`` or ``host:port``.
    rtu_over_tcp : bool
        Whether frames of a serial line are spoken there.

    Raises
    ------
    click.BadParameter
        When it is neither.
    """
    if "/" in target:
        wait = timeout or SERIAL_TIMEOUT
        return [RtuBus(_NAME, target, rate, parity, stop_bits, wait) for rate in baud_rates for parity in parities]
    host, colon, port = target.partition(":")
    if not host or (colon and not (port.isdecimal() and 1 <= int(port) <= 65535)):
        raise click.BadParameter(f"got {target!r}; expected /dev/…, HOST or HOST:PORT with a port of 1 to 65535")
    kind = RtuOverTcpBus if rtu_over_tcp else TcpBus
    return [kind(_NAME, host, int(port or 502), timeout=timeout or SOCKET_TIMEOUT)]


def leave_alone(config: Config, buses: Sequence[ProbedBus]) -> None:
    """Refuse what a running agent reads.

    Raises
    ------
    BadFile
        When the agent of ``config`` runs, and one of its buses leads to the same place.
    """
    theirs = {_place(bus) for bus in config.bus if not isinstance(bus, DialInBus)}
    if not theirs.isdisjoint(map(_place, buses)) and agent_runs(Path(config.data_dir)):
        right = "two masters would disturb each other; systemctl stop stillcold-agent first"
        raise BadFile(config.data_dir, f"the agent that runs reads {_place(buses[0])}; {right}")


def _place(bus: ProbedBus) -> str:
    return str(Path(bus.device).resolve()) if isinstance(bus, RtuBus) else f"{bus.host}:{bus.port}"


def units_of(text: str) -> list[int]:
    """Units of ``"5"``, ``"1-32"`` or ``"1-8,20"``, in order.

    Raises
    ------
    click.BadParameter
        When it is none of these, or a unit is not 0 to 255.

    Examples
    --------
    >>> units_of("1-3,20")
    [1, 2, 3, 20]
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        matched = _UNITS.fullmatch(part.strip())
        first, last = (int(matched[1]), int(matched[2] or matched[1])) if matched else (1, 0)
        if not 0 <= first <= last <= 255:
            raise click.BadParameter(f"got {text!r}; expected units of 0 to 255 such as 5, 1-32 or 1-8,20")
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)
