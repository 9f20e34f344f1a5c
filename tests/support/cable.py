"""Listens at one end of the cable of cable.sh, connects from the other, and prints the ways that are open."""

import json
import subprocess
import sys

_IN_GATEWAY = ["ip", "netns", "exec", "gateway"]
_LISTEN = """\
import socket, sys
held = [socket.create_server((host, int(port))) for host, port in zip(sys.argv[1::2], sys.argv[2::2])]
print("listening", flush=True)
sys.stdin.read()
"""
_CONNECT = """\
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
except TimeoutError:
    sys.exit(1)
"""


def main() -> None:
    """Try every way at once: what is dropped is known only after a wait."""
    ways = json.loads(sys.argv[1])
    listeners = [_listen(ways, "in", _IN_GATEWAY), _listen(ways, "out", [])]
    tries = [(way, _connect(way)) for way in ways]
    for (direction, host, port), tried in tries:
        if tried.wait() == 0:
            print(f"in {port}" if direction == "in" else f"out {host}:{port}")
    for listener in listeners:
        listener.kill()


def _listen(ways: list[list[str]], direction: str, place: list[str]) -> "subprocess.Popen[str]":
    where = [str(word) for way in ways if way[0] == direction for word in way[1:]]
    command = [*place, sys.executable, "-c", _LISTEN, *where]
    listener = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert listener.stdout
    assert listener.stdout.readline() == "listening\n"
    return listener


def _connect(way: list[str]) -> "subprocess.Popen[bytes]":
    direction, host, port = way
    place = [] if direction == "in" else _IN_GATEWAY
    return subprocess.Popen([*place, sys.executable, "-c", _CONNECT, host, str(port)])


if __name__ == "__main__":
    main()
