"""Modbus frames: requests that only read, and their answers told from everything else that comes.

The frames are built by the Modbus library; nothing else of the agent knows it. A request is made by :func:`question`
alone, which knows the four reading functions and no other: there is no way to write to a meter.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from stillcold_agent.meters import Answer
from stillcold_core.readings import Absence

_MOST = {1: 2000, 2: 2000, 3: 125, 4: 125}
"""What one request may ask for, by function (Modbus Application Protocol V1.1b3, 6.1 to 6.4)."""
_GATEWAY_FAILED = (0x0A, 0x0B)
"""Exceptions of a gateway that has no path to the meter, or got no answer from it (the same, 7)."""
_MBAP = struct.Struct(">HHHB")  # transaction, protocol, length of what follows, unit
_LONGEST = 254  # of that length
_PDU = struct.Struct(">BHH")
_LATE = 256  # transactions back that an answer may still belong to
_MOST_STRAY = 64  # frames nobody asked for, between two requests, from a far end that is merely slow
_TAIL = 512  # bytes in which an answer on a serial line is looked for; two of the longest frames


class OutOfStep(Exception):
    """Nothing that follows on this connection can be told apart any more."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to read; made by :func:`question`.

    Attributes
    ----------
    unit, function, address, count : int
        Whom it asks for what.
    pdu : bytes
        Function code and what follows.
    size : int
        Bytes of data in a right answer.
    words : callable
        From that data to the words.
    """

    unit: int
    function: int
    address: int
    count: int
    pdu: bytes
    size: int
    words: Callable[[bytes], tuple[int, ...]]


@lru_cache(4096)
def question(unit: int, function: int, address: int, count: int) -> Question:
    """A request.

    Parameters
    ----------
    unit : int
        Address of the meter, 0 to 255.
    function : int
        1 coils, 2 discrete inputs, 3 holding registers, 4 input registers.
    address, count : int
        Zero-based first register (or bit), and how many.

    Raises
    ------
    ValueError
        For any other function, and for more than a request may ask for.
    """
    if function not in _MOST:
        raise ValueError(f"function {function}; expected 1 to 4: meters are only read")
    if not (0 <= unit <= 255 and 0 <= address < address + count <= 65536 and count <= _MOST[function]):
        raise ValueError(f"unit {unit}, {count} from {address} are beyond what function {function} can ask for")
    size = math.ceil(count / 8) if function in (1, 2) else 2 * count
    words = struct.Struct(f">{count}H").unpack
    return Question(unit, function, address, count, _PDU.pack(function, address, count), size, words)


class Framing(Protocol):
    """How requests and answers are packed on one connection."""

    numbered: bool
    """Whether an answer says which request it belongs to."""

    @property
    def heard(self) -> bool:
        """Whether something came since the last request that was neither its answer nor a late one."""

    @property
    def midway(self) -> bool:
        """Whether the last frame has begun and cannot be left out."""

    def ask(self, asked: Question) -> bytes:
        """The frame of a request. What came before it is not its answer."""

    def feed(self, data: bytes) -> Answer | None:
        """Take what came; the answer, once it is complete.

        Raises
        ------
        OutOfStep
            When the connection must be given up.
        """


class TcpFraming:
    """Modbus TCP: a number and a length in front.

    Parameters
    ----------
    noise : sequence of bytes
        What may stand between frames: a transmitter's registration and heartbeat.
    """

    numbered = True

    def __init__(self, noise: Sequence[bytes] = ()) -> None:
        self._framer, self._noise = FramerSocket(DecodePDU(is_server=False)), noise
        self._buffer = bytearray()
        self._number, self._asked, self._stray = 0, question(0, 3, 0, 1), 0
        self._open = False
        self.heard = False

    @property
    def midway(self) -> bool:
        """See :class:`Framing`."""
        return bool(self._buffer)

    def ask(self, asked: Question) -> bytes:
        """See :class:`Framing`."""
        self._number = self._number % 0xFFFF + 1
        self._asked, self._open, self.heard, self._stray = asked, True, False, 0
        frame: bytes = self._framer.encode(asked.pdu, asked.unit, self._number)
        return frame

    def feed(self, data: bytes) -> Answer | None:
        """See :class:`Framing`."""
        if self._open and not self._buffer and (pdu := self._whole(data)) is not None:
            self._open = False
            return _content(self._asked, pdu)
        self._buffer += data
        answer: Answer | None = None
        while len(self._buffer) >= _MBAP.size:
            number, protocol, length, unit = _MBAP.unpack_from(self._buffer)
            if protocol or not 2 <= length <= _LONGEST or number != self._number:
                if _without(self._buffer, self._noise):
                    continue
                if protocol or not 2 <= length <= _LONGEST:
                    raise OutOfStep(f"protocol {protocol}, length {length}")
            if len(self._buffer) < 6 + length:
                return answer
            pdu = bytes(self._buffer[7 : 6 + length])
            del self._buffer[: 6 + length]
            answer = self._sort(number, unit, pdu) or answer
        _without(self._buffer, self._noise)
        return answer

    def _whole(self, data: bytes) -> bytes | None:
        """The content of an answer that came alone and in one piece, as nearly all do; None of anything else."""
        if len(data) <= _MBAP.size:
            return None
        number, protocol, length, unit = _MBAP.unpack_from(data)
        whole = not protocol and len(data) == 6 + length and number == self._number and unit == self._asked.unit
        return data[_MBAP.size :] if whole and length <= _LONGEST else None

    def _sort(self, number: int, unit: int, pdu: bytes) -> Answer | None:
        """The content of the answer; None of what belongs to another request."""
        if self._open and number == self._number:
            self._open = False
            return _content(self._asked, pdu) if unit == self._asked.unit else Absence.BAD_REPLY
        self.heard |= not 0 < (self._number - number) & 0xFFFF <= _LATE
        self._stray += 1
        if self._stray > _MOST_STRAY:
            raise OutOfStep("answers that nobody asked for")
        return None


class RtuFraming:
    """Modbus RTU: a checksum behind, and no number: an answer is known by its unit, function and length.

    Parameters
    ----------
    noise : sequence of bytes
        What may stand between frames; see :class:`TcpFraming`.
    """

    numbered = False
    midway = False

    def __init__(self, noise: Sequence[bytes] = ()) -> None:
        self._framer, self._noise = FramerRTU(DecodePDU(is_server=False)), noise
        self._buffer = bytearray()
        self._asked: Question | None = None
        self._looked = 0  # before it no answer stands in the buffer, nor ever will

    @property
    def heard(self) -> bool:
        """See :class:`Framing`."""
        if _without(self._buffer, self._noise):
            self._looked = 0
        return bool(self._buffer) and not any(n.startswith(self._buffer) for n in self._noise)

    def ask(self, asked: Question) -> bytes:
        """See :class:`Framing`."""
        self._asked, self._looked = asked, 0
        self._buffer.clear()
        frame: bytes = self._framer.encode(asked.pdu, asked.unit, 0)
        return frame

    def feed(self, data: bytes) -> Answer | None:
        """See :class:`Framing`. What nobody asked for is dropped."""
        asked = self._asked
        if asked is None:
            return None
        self._buffer += data
        over = max(len(self._buffer) - _TAIL, 0)
        del self._buffer[:over]
        answer, self._looked = _answer_in(self._buffer, asked, max(self._looked - over, 0))
        if answer is not None:
            self._asked = None
        return answer


def _answer_in(buffer: bytearray, asked: Question, begin: int) -> tuple[Answer | None, int]:
    """The answer in what came: after bytes of noise or a late answer of another meter too; and where to look next.

    What was whole and no answer is not looked at again: else whoever holds the line could, byte by byte, have the
    gateway do nothing but compute checksums.
    """
    first: int | None = None  # that is not whole yet
    start = buffer.find(asked.unit, begin)
    while 0 <= start <= len(buffer) - 5:
        function, size = buffer[start + 1], buffer[start + 2]
        length = 5 if function == asked.function | 0x80 else 5 + size
        sort = function & 0x7F == asked.function and (function & 0x80 or size == asked.size)
        if sort and len(buffer) >= start + length:
            frame = bytes(buffer[start : start + length])
            if FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
                return _content(asked, frame[1:-2]), start
            if start == 0 and len(buffer) == length:
                return Absence.BAD_REPLY, start  # the whole answer, spoiled: nothing more will come
        elif sort and first is None:
            first = start
        start = buffer.find(asked.unit, start + 1)
    return None, min(n for n in (first, start if start >= 0 else None, len(buffer)) if n is not None)


def _without(buffer: bytearray, noise: Sequence[bytes]) -> bool:
    """Take noise off the front; whether there was any."""
    size = len(buffer)
    while piece := next((n for n in noise if buffer.startswith(n)), None):
        del buffer[: len(piece)]
    return len(buffer) < size


def _content(asked: Question, pdu: bytes) -> Answer:
    """Exactly what was asked for, or why not: a short or foreign answer is never filled up."""
    if pdu[0] == asked.function | 0x80 and len(pdu) == 2:
        return Absence.TIMEOUT if pdu[1] in _GATEWAY_FAILED else Absence.EXCEPTION
    if pdu[0] != asked.function or len(pdu) != 2 + asked.size or pdu[1] != asked.size:
        return Absence.BAD_REPLY
    if asked.function in (1, 2):
        return tuple(pdu[2 + i // 8] >> i % 8 & 1 for i in range(asked.count))
    return asked.words(pdu[2:])
