"""``plan``: which requests are sent, and whether each bus can carry them in time."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from stillcold_agent.config import Bus, Config, DialInBus, RtuBus, RtuOverTcpBus, TcpBus, speaks_rtu
from stillcold_agent.meters import Meter, meters_of
from stillcold_core.profiles import Read

_COLUMNS = 80
_ASKED = 6  # bytes of a request without its frame: unit, function, address, count
_TCP_FRAME, _RTU_FRAME = 6, 2  # bytes: the MBAP header without its unit (Modbus TCP), the CRC (RTU)
_STANDARD = 11  # bits of a character (Modbus over Serial Line V1.02, 2.5.1)
SerialBus = RtuBus | RtuOverTcpBus | DialInBus
_FULL = 0.8
"""Share of the time above which a bus does not catch up with its readings soon after one timeout."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request costs.

    Attributes
    ----------
    sent, received : int
        Bytes of the request and of its whole answer, frames included.
    gap : int
        Registers (or bits) that are read over because the next wanted ones are near.
    seconds : float
        That the bus is taken.
    """

    sent: int
    received: int
    gap: int
    seconds: float


def cost_of(read: Read, bus: Bus, answer_time: float) -> Cost:
    """What a request costs on a bus.

    Parameters
    ----------
    answer_time : float
        Seconds from the end of a request to the first byte of its answer.

    Notes
    -----
    On a serial line each character takes 1 start, 8 data, 0 or 1 parity and 1 or 2 stop bits, and each frame is
    preceded by 3.5 characters of silence, 1.75 ms at least (Modbus over Serial Line V1.02, 2.5.1.1). Of a line behind
    a transparent converter only the speed is known: characters are taken to have 11 bits, as the same standard has it.
    Behind Modbus TCP the time on the wire is nothing beside the answer time; of a line behind it nothing is known.
    """
    frame = _RTU_FRAME if speaks_rtu(bus) else _TCP_FRAME
    sent, received = _ASKED + frame, 3 + _content(read) + frame
    wanted = len({offset + i for register, offset in read.registers for i in range(register.words)})
    wire = 0.0 if isinstance(bus, TcpBus) or not speaks_rtu(bus) else wire_time(bus, sent + received)
    return Cost(sent, received, read.count - wanted, wire + answer_time)


def plan_lines(config: Config, answer_time: float) -> Iterator[str]:
    """What is asked of each meter, bus by bus, and how busy that keeps the bus; at most 80 columns."""
    meters = meters_of(config)
    for bus in config.bus:
        mine = [m for m in meters if m.bus == bus.id]
        yield f"bus {bus.id}: {_place(bus)}"
        for meter in mine:
            yield from _meter_lines(meter, bus, answer_time)
        yield f"  busy {_share(bus, mine, answer_time):.0%} of the time"
        for warning in warnings_of(bus, mine, answer_time):
            yield from wrap(f"WARNING: {warning}", _COLUMNS, initial_indent="  ", subsequent_indent="    ")


def keeps_intervals(config: Config, answer_time: float) -> bool:
    """Whether each bus has time enough for its meters."""
    meters = meters_of(config)
    return all(_share(bus, [m for m in meters if m.bus == bus.id], answer_time) <= 1 for bus in config.bus)


def warnings_of(bus: Bus, meters: Sequence[Meter], answer_time: float) -> list[str]:
    """Why a bus cannot read its meters in time; empty where it can."""
    share, at_once = _share(bus, meters, answer_time), sum(_time(m.reads, bus, answer_time) for m in meters)
    at_once += max((_time(m.slow_reads, bus, answer_time) for m in meters), default=0.0)  # never of two at once
    fastest = min(meters, key=lambda m: m.interval, default=None)
    serial = ", higher baud_rate" if speaks_rtu(bus) else ""
    help_ = f"give a longer interval, fewer quantities (only, skip){serial}, or a second bus"
    if share > 1:
        return [f"this bus cannot keep its intervals: {help_}"]
    if fastest and at_once > fastest.interval:
        return [f"when all are due at once they take {at_once:.2f} s and {fastest.point} is late: {help_}"]
    return [f"hardly time for a meter that does not answer ({bus.timeout:g} s): {help_}"] if share > _FULL else []


def _meter_lines(meter: Meter, bus: Bus, answer_time: float) -> Iterator[str]:
    costs = [cost_of(r, bus, answer_time) for r in meter.all_reads]
    sealed = ", sealed" if meter.limits else ""
    yield f"  {meter.point}: unit {meter.unit}, {meter.profile.model}, every {meter.interval:g} s{sealed}"
    for i, (read, cost) in enumerate(zip(meter.all_reads, costs, strict=True)):
        over = f", {cost.gap} of them read over" if cost.gap else ""
        over += ", slow" if i >= len(meter.reads) else ""
        yield f"    function {read.function}, {read.count} from {read.address}{over}: {_sum([cost])}"
        names = " ".join(register.quantity for register, _ in read.registers)
        yield from wrap(names, _COLUMNS, initial_indent=" " * 6, subsequent_indent=" " * 6)
    every, slow = costs[: len(meter.reads)], costs[len(meter.reads) :]
    yield f"    a reading: {len(every)} requests, {_sum(every)}"
    if slow:
        yield f"    every {meter.slow_interval:g} s: {len(slow)} more, {_sum(slow)}"


def _sum(costs: Sequence[Cost]) -> str:
    sent, received = sum(c.sent for c in costs), sum(c.received for c in costs)
    return f"{sent}+{received} bytes, {1000 * sum(c.seconds for c in costs):.0f} ms"


def _place(bus: Bus) -> str:
    if isinstance(bus, RtuBus):
        return f"{bus.device}\n  {bus.baud_rate} baud 8{bus.parity}{bus.stop_bits}"
    if isinstance(bus, DialInBus):
        return f"dials in at {bus.listen}:{bus.listen_port}"
    return f"{bus.host}:{bus.port}"


def _share(bus: Bus, meters: Sequence[Meter], answer_time: float) -> float:
    fast = sum(_time(m.reads, bus, answer_time) / m.interval for m in meters)
    return fast + sum(_time(m.slow_reads, bus, answer_time) / m.slow_interval for m in meters)


def _time(reads: Sequence[Read], bus: Bus, answer_time: float) -> float:
    return sum(cost_of(r, bus, answer_time).seconds for r in reads)


def _content(read: Read) -> int:
    return math.ceil(read.count / 8) if read.function in (1, 2) else 2 * read.count


def wire_time(bus: SerialBus, bytes_: int) -> float:
    """Seconds that a request and its answer of so many bytes together take the line."""
    return bytes_ * _character(bus) + 2 * silence(bus)


def silence(bus: SerialBus) -> float:
    """Seconds of silence before a frame."""
    return max(3.5 * _character(bus), 0.00175)


def _character(bus: SerialBus) -> float:
    bits = 1 + 8 + (bus.parity != "N") + bus.stop_bits if isinstance(bus, RtuBus) else _STANDARD
    return bits / bus.baud_rate
