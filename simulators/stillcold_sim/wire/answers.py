"""From a request to the bytes that come back, through everything that is wrong."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from numpy.random import Generator

from stillcold_sim.scenario import Fault
from stillcold_sim.wire.library import Framing, Request
from stillcold_sim.wire.slaves import Slave, refusal, reply, who

_DEVICE_FAILED = 11  # exception of a gateway whose target device failed to respond


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes to send, and how.

    Attributes
    ----------
    data : bytes
        All of them; may be empty.
    delay, gap : float
        s before the first byte, and from byte to byte; gap 0 sends all at once.
    closes : bool
        Whether the connection ends with it.
    """

    data: bytes
    delay: float = 0.0
    gap: float = 0.0
    closes: bool = False


@dataclass(slots=True)
class Link:
    """What a connection remembers from request to request.

    Attributes
    ----------
    dead : bool
        Whether it is half open: bytes go in, nothing will ever come back.
    asked : Counter of Fault
        Requests that met a fault that counts them.
    """

    dead: bool = False
    asked: Counter[Fault] = field(default_factory=Counter)


def answer(
    slaves: Mapping[int, Slave], framing: Framing, link: Link, request: Request, chance: Generator
) -> Answer | None:
    """What comes back for a request; None where nothing does.

    Parameters
    ----------
    slaves : mapping of int to Slave
        By unit.
    framing : Framing
        Of the wire.
    link : Link
        The connection that it came over; changed.
    request : Request
        What was asked.
    chance : Generator
        Decides where a fault has a share, and gives the bytes of garbage.
    """
    found = None if link.dead else who(slaves, request.unit)
    if found is None:
        return None
    slave, troubles = found
    if not troubles:
        return Answer(framing.build(request.unit, request.transaction, reply(slave, request)))
    met: dict[str, Fault] = {f.what: f for f in troubles if _meets(f, request, chance)}
    if "half_open" in met:
        link.dead = True
    closes = "drop" in met and _count(link, met["drop"])
    if "silence" in met or link.dead:
        return Answer(b"", closes=closes) if closes else None
    frame = _frame(framing, request, _content(slave, request, met, framing), met)
    for what, spoil in _BYTES:
        if what in met:
            frame = spoil(frame, met[what], chance)
    delay = met["delay"].delay_ms / 1000 if "delay" in met else 0.0
    return Answer(frame, delay, met["split"].gap_ms / 1000 if "split" in met else 0.0, closes)


def _meets(fault: Fault, request: Request, chance: Generator) -> bool:
    # What is not a whole request to read touches no register that can be named.
    if request.place is None:
        hit = fault.registers is None and (not fault.functions or request.function in fault.functions)
    else:
        hit = fault.meets(request.function, *request.place)
    return hit and (fault.share == 1 or chance.random() < fault.share)


def _count(link: Link, drop: Fault) -> bool:
    link.asked[drop] += 1
    return link.asked[drop] >= drop.after


def _content(slave: Slave, request: Request, met: Mapping[str, Fault], framing: Framing) -> bytes:
    if "exception" in met:
        return refusal(request, met["exception"].code)
    if "collision" in met and not framing.checked:
        return refusal(request, _DEVICE_FAILED)
    return reply(slave, request)


def _frame(framing: Framing, request: Request, pdu: bytes, met: Mapping[str, Fault]) -> bytes:
    unit = request.unit % 247 + 1 if "wrong_unit" in met else request.unit
    transaction = (request.transaction + 1) % 65536 if "wrong_transaction" in met else request.transaction
    frame = framing.build(unit, transaction, pdu)
    return _collide(frame) if "collision" in met and framing.checked else frame


def _collide(frame: bytes) -> bytes:
    """Two transmitters at once, the second one byte later: a line driven low by either is low."""
    late = b"\xff" + bytes(b ^ 0x5A for b in frame)
    return bytes(a & b for a, b in zip(frame + b"\xff", late, strict=True))


def _bad_crc(frame: bytes, _fault: Fault, _chance: Generator) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 0xFF])


def _truncated(frame: bytes, fault: Fault, _chance: Generator) -> bytes:
    return frame[: max(1, len(frame) - fault.bytes)]


def _extra(frame: bytes, fault: Fault, chance: Generator) -> bytes:
    return frame + chance.bytes(fault.bytes)


def _garbage(_frame: bytes, _fault: Fault, chance: Generator) -> bytes:
    return chance.bytes(int(chance.integers(5, 45)))


_BYTES: Sequence[tuple[str, Callable[[bytes, Fault, Generator], bytes]]] = (
    ("bad_crc", _bad_crc),
    ("truncated", _truncated),
    ("extra", _extra),
    ("garbage", _garbage),
)
"""In the order in which they befall a frame."""
