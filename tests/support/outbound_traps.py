"""Servers and names that a careless client falls into."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def dripping(pause: float = 0.05) -> Iterator[str]:
    """The URL of a server that answers a byte at a time and never ends."""
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not done.wait(pause):
                    connection.sendall(b" ")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        done.set()
        listener.close()
        thread.join()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Have the name service give these addresses, one an answer, the last one again and again; the names asked for."""
    left, asked, real = list(answers), list[str](), socket.getaddrinfo

    def resolve(host: str, port: int, *args: object, **options: object) -> object:
        if options.get("flags") or host.replace(".", "").isdigit():  # an address: nobody is asked
            return real(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        asked.append(host)
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr("stillcold_server.alerts.senders.addresses.socket.getaddrinfo", resolve)
    return asked
