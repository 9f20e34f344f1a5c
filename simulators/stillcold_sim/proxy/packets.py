"""MQTT packets in a stream of bytes (MQTT 3.1.1 and 5, section 2.1)."""

from collections.abc import Iterator

LONGEST = 16 << 20  # bytes; no message of ours comes near
_PUBLISH = 3
_DUP = 0x08
_QOS = 0x06


class NotMqtt(ValueError):
    """There is no MQTT packet in these bytes."""


class Packets:
    """Cuts a stream into whole packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The packets that are complete with ``data``.

        Raises
        ------
        NotMqtt
            When a length is malformed, or beyond :data:`LONGEST`.
        """
        self._buffer += data
        while (length := _length(self._buffer)) and len(self._buffer) >= length:
            yield bytes(self._buffer[:length])
            del self._buffer[:length]


def is_publish(packet: bytes) -> bool:
    """Whether it carries a message."""
    return packet[0] >> 4 == _PUBLISH


def again(packet: bytes) -> bytes:
    """A PUBLISH as it is sent a second time: marked as a duplicate, where its quality of service knows that."""
    return bytes([packet[0] | _DUP]) + packet[1:] if packet[0] & _QOS else packet


def _length(data: bytearray) -> int:
    """Of the first packet; 0 while it cannot be told."""
    rest = 0
    for i, byte in enumerate(data[1:5]):
        rest |= (byte & 0x7F) << (7 * i)
        if rest > LONGEST:
            raise NotMqtt(f"a packet of {rest} bytes")
        if byte < 0x80:
            return 2 + i + rest
    if len(data) >= 5:
        raise NotMqtt("a length of more than four bytes")
    return 0
