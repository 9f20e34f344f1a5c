"""How fast simulated meters answer, against pymodbus' simulator and a libmodbus server asked by the same client.

The client is plain sockets on one core, so that the two Python servers on the other core are the limit; libmodbus is
faster than the client, and only its CPU time says how much.
"""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import Process, wait_for

HERE = Path(__file__).parent
UNITS = 50
CONNECTIONS = 20
SECONDS = 1.5  # of a turn
ROUNDS = 5  # the servers take turns, so that what else this machine does meets all of them
MODEL, FUNCTION, FIRST, COUNT = "acrel-adl400", 3, 2048, 54  # the longest read that the agent makes of this model
READS = ((2048, 54), (2124, 12))  # all that the agent reads of it in a cycle
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    """Of one server."""

    name: str
    requests: int
    seconds: float
    cpu: float

    def __str__(self) -> str:
        return (
            f"{self.name:18} {self.rate / 1e3:6.1f}k requests/s  {self.rate * COUNT / 1e3:7.0f}k registers/s  "
            f"{1e6 * self.cpu / self.requests:6.1f} us CPU a request  {100 * self.cpu / self.seconds:3.0f} % of a core"
        )

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def test_requests_a_second(tmp_path: Path) -> None:
    """50 units, 20 connections with one request under way on each, 54 registers a request; the best of five turns."""
    with _servers(tmp_path) as servers:
        rounds = [[_saturate(name, *place) for name, place in servers.items()] for _ in range(ROUNDS)]
    figures = [max(same, key=lambda f: f.rate) for same in zip(*rounds, strict=True)]
    print(f"\n{UNITS} units, {CONNECTIONS} connections, {COUNT} registers a request")
    for found in figures:
        print(found)
    ours = figures[0]
    for other in figures[1:]:
        print(
            f"ours against {other.name}: {ours.rate / other.rate:.2f} x the requests, "
            f"{ours.cpu / ours.requests / (other.cpu / other.requests):.2f} x the CPU a request"
        )


@pytest.mark.parametrize("meters", [200, 1000])
def test_meters_at_one_hertz(tmp_path: Path, meters: int) -> None:
    """Every meter read once a second in full, while its load goes on; how many would fill a core."""
    with _simulated(tmp_path, meters) as (pid, ports):
        before, started, late = _cpu(pid), time.monotonic(), 0
        cycles = 8
        with Reader(ports) as reader:
            for cycle in range(cycles):
                reader.read_all(meters)
                late += time.monotonic() > started + cycle + 1
                time.sleep(max(0.0, started + cycle + 1 - time.monotonic()))
        share = (_cpu(pid) - before) / (time.monotonic() - started)
    print(
        f"\n{meters} meters at 1 Hz: {100 * share:.0f} % of a core, so a core holds about {meters / share:.0f}; "
        f"{late} of {cycles} cycles late"
    )


@pytest.mark.parametrize("meters", [50])
def test_steps_a_second(tmp_path: Path, meters: int) -> None:
    """How much faster than real time the loads and registers of 50 meters go without anybody reading."""
    code = (
        "import sys, time; from pathlib import Path; from stillcold_sim.plant import Plant; "
        "from stillcold_sim.scenario import load_scenario; "
        "plant = Plant(load_scenario(Path(sys.argv[1])), None, lambda _: None); "
        "t = time.perf_counter(); plant.advance(600.0); print(600 / (time.perf_counter() - t))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(_scenario(tmp_path, meters))], check=True, capture_output=True, text=True
    )
    print(f"\n{meters} meters: {float(found.stdout):.0f} times real time")


class Reader:
    """Reads every meter in full, one request under way on each connection."""

    def __init__(self, ports: list[int]) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for port in ports]

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in self._sockets:
            open_socket.close()

    def read_all(self, meters: int) -> None:
        """One cycle."""
        each = meters // len(self._sockets)
        for unit in range(1, each + 1):
            for first, count in READS:
                for open_socket in self._sockets:
                    open_socket.sendall(_request(unit, first, count))
                for open_socket in self._sockets:
                    _receive(open_socket, count)


def _saturate(name: str, pid: int, port: int) -> Figures:
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    asked = [_request(unit, FIRST, COUNT) for unit in range(1, UNITS + 1)]
    halves = sockets[::2], sockets[1::2]
    for open_socket in halves[0]:
        open_socket.sendall(asked[0])
    before, started, done = _cpu(pid), time.monotonic(), 0
    while time.monotonic() < started + SECONDS:
        for now, other in (halves, halves[::-1]):  # one half is answered while the other one asks
            for i, open_socket in enumerate(other):
                open_socket.sendall(asked[(done + i) % UNITS])
            for open_socket in now:
                _receive(open_socket, COUNT)
            done += len(now)
    figures = Figures(name, done, time.monotonic() - started, _cpu(pid) - before)
    for open_socket in sockets:
        open_socket.close()
    return figures


def _request(unit: int, first: int, count: int) -> bytes:
    return struct.pack(">HHHBBHH", 7, 0, 6, unit, FUNCTION, first, count)


def _receive(open_socket: socket.socket, count: int) -> None:
    left = 9 + 2 * count
    while left:
        data = open_socket.recv(left)
        assert data
        assert left != 9 + 2 * count or data[7] == FUNCTION, f"exception {data.hex()}"
        left -= len(data)


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, tuple[int, int]]]:
    """Process and port of each server, by name."""
    commands = {"pymodbus simulator": [sys.executable, str(HERE / "pymodbus_server.py"), str(UNITS)]}
    if program := _compiled(folder):
        commands["libmodbus"] = [program]
    with ExitStack() as stack:
        pid, ports = stack.enter_context(_simulated(folder, UNITS))
        yield {"stillcold-sim": (pid, ports[0])} | {n: stack.enter_context(_started(c)) for n, c in commands.items()}


@contextmanager
def _started(command: list[str]) -> Iterator[tuple[int, int]]:
    """Process and port of a server that prints its port and ends with its standard input."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdin
        yield process.pid, int(process.stdout.readline())
        process.stdin.close()


@contextmanager
def _simulated(folder: Path, meters: int) -> Iterator[tuple[int, list[int]]]:
    """Process and ports of ``stillcold-sim serve``."""
    listing = folder / "ports.json"
    command = [str(Path(sys.executable).with_name("stillcold-sim")), "serve", str(_scenario(folder, meters)), "--stay"]
    with Process([*command, "--ports-file", str(listing)], folder / "serve.log") as process:
        wait_for(lambda: listing.exists() or not process.alive)
        assert process.alive, process.output
        yield process.pid, [p["port"] for p in json.loads(listing.read_text())["ports"].values()]


def _compiled(folder: Path) -> str | None:
    """The libmodbus server, where there are a compiler and the library."""
    if not shutil.which("gcc") or not Path("/usr/include/modbus/modbus.h").exists():
        print("\nno gcc or no libmodbus-dev: libmodbus is left out")
        return None
    program = str(folder / "libmodbus_server")
    source = str(HERE / "libmodbus_server.c")
    subprocess.run(["gcc", "-O2", "-I/usr/include/modbus", "-o", program, source, "-lmodbus"], check=True)
    return program


def _scenario(folder: Path, meters: int) -> Path:
    """Furnaces behind as many ports as their units need, at least one."""
    ports = -(-meters // 200)
    lines = ['name = "bench"', *(f'[[port]]\nid = "bus{n}"' for n in range(ports))]
    lines += [
        f'[[meter]]\nid = "m{n}"\nprofile = "{MODEL}"\nport = "bus{n}"\nunit = 1\ncount = {meters // ports}\n'
        f'point = "p{n}"\nload = {{ kind = "furnace" }}'
        for n in range(ports)
    ]
    path = folder / "bench.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
