"""Free TCP ports."""

import random
import socket

_RANGE = range(15000, 32000)  # below the kernel's ephemeral ports, which outgoing connections take at any moment


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    for port in random.SystemRandom().sample(_RANGE, 200):  # whatever seed a test has set
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port among 200 tried")


def accepts(port: int) -> bool:
    """Whether something on 127.0.0.1 accepts connections at ``port``."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
