"""A serial line for benchmarks: paced like the wire, on a pseudo-terminal or behind a converter.

``python bus_line.py pty BAUD`` and ``python bus_line.py tcp BAUD`` print its device or port, and end with their
standard input. On it units 1 to 48 answer any request to read, unit 49 after :data:`SLOW` seconds more, unit 50 never.
"""

import os
import socket
import struct
import sys
import threading
import time
import tty

from pymodbus.framer import FramerRTU

SLOW = 0.6  # s
_SLOW_UNIT, _DEAD_UNIT = 49, 50
_BITS = 10  # of a character: 8N1


def serve(descriptor: int, baud_rate: int) -> None:
    """Answer one request after another; each byte takes its time on the wire, in both directions."""
    character = _BITS / baud_rate
    silence = max(3.5 * 11 / baud_rate, 0.00175)
    while request := _exactly(descriptor, 8):
        begun = time.perf_counter()
        unit, function, _, count = struct.unpack(">BBHH", request[:6])
        if unit == _DEAD_UNIT:
            continue
        data = bytes([unit, function, 2 * count]) + bytes(2 * count)
        answer = data + FramerRTU.compute_CRC(data).to_bytes(2, "big")
        took = (8 + len(answer)) * character + silence + (SLOW if unit == _SLOW_UNIT else 0.0)
        wait_until(begun + took)  # an adapter hands an answer over at its end
        try:
            os.write(descriptor, answer)
        except OSError:
            return  # nobody listens any more


def wait_until(moment: float) -> None:
    """Sleep, and count the last millisecond down: the machine's timer is coarser than a character."""
    while (left := moment - time.perf_counter()) > 0:
        if left > 0.001:
            time.sleep(left - 0.001)


def _exactly(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = os.read(descriptor, count - len(data))
        if not piece:
            return b""
        data += piece
    return data


def main() -> None:
    """Open the line, say where, and serve until nobody needs it."""
    kind, baud_rate = sys.argv[1], int(sys.argv[2])
    if kind == "pty":
        descriptor, far = os.openpty()
        tty.setraw(far)
        print(os.ttyname(far), flush=True)
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        descriptor = listener.accept()[0].detach()
    threading.Thread(target=serve, args=(descriptor, baud_rate), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
