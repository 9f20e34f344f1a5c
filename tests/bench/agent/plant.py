"""The plant: ``plant.c`` compiled, started, and told what its meters show."""

import queue
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

METERS, NUMBERS = 50, 20
SOURCE = Path(__file__).with_name("plant.c")


def compiled(cache: Path) -> Path:
    """The program, compiled anew where its source is younger."""
    program = cache / "plant"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(SOURCE)], check=True)
    return program


class Plant:
    """Fifty meters behind one port, units 1 to 50.

    Parameters
    ----------
    program : Path
        From :func:`compiled`.

    Attributes
    ----------
    port : int
        On loopback.
    first_read : dict of (int, int) to int
        By unit and power: when the power was read for the first time, ns of the monotonic clock.
    """

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.first_read: dict[tuple[int, int], int] = {}
        self._shows: dict[int, int] = {}
        self._totals: queue.Queue[list[int]] = queue.Queue()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def set_power(self, unit: int, power: int) -> int:
        """Let a meter show a power, W; when that was, ns."""
        self._shows[unit] = power
        at = time.monotonic_ns()
        self._say(f"set {unit} {power}")
        return at

    def reads(self) -> list[int]:
        """How many times each meter was read, by unit from 1 on."""
        self._say("reads")
        return self._totals.get(timeout=10)[:METERS]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._thread.join(10)
        self._process.stdout.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, *numbers = line.split()
            if word == "reads":
                self._totals.put([int(n) for n in numbers])
            else:
                unit, at = map(int, numbers)
                self.first_read[unit, self._shows[unit]] = at
