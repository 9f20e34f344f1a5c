"""The demo's processes: started in order, stopped in reverse, nothing left running."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

_GRACE = 8.0  # s that a process may take to end


class Failed(Exception):
    """Something did not start, or ended when it should not have."""


class Processes:
    """Child processes whose output goes to ``folder/logs/<name>.log``.

    Leaving the block stops them all, the last one started first.

    Parameters
    ----------
    folder : Path
        The demo's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._logs = folder / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, command: Sequence[str | Path]) -> Path:
        """Start a process; its log file."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as out:
            # A session of its own: Ctrl-C reaches only us, and we stop them in the right order.
            process = subprocess.Popen(
                [str(c) for c in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((name, process))
        return log

    def check(self) -> None:
        """Raise Failed when one of them has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                tail = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
                raise Failed(f"{name} ended with {process.returncode}:\n" + "\n".join(tail))

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait until something is there.

        Raises
        ------
        Failed
            When it does not come, or a process ends meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise Failed(f"{what} did not come within {seconds:.0f} s; see {self._logs}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _name, process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run(command: Sequence[str | Path]) -> str:
    """Run a command to its end; what it printed.

    Raises
    ------
    Failed
        When it does not end with 0.
    """
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def program(name: str) -> Path:
    """One of our own commands, from the environment that runs the demo.

    Raises
    ------
    Failed
        When it is not installed there.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise Failed(f"{name} is not installed beside {sys.executable}; `make demo` installs it")
    return path


def free_port() -> int:
    """A TCP port on loopback that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Whether something listens on a port of loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return True
    return False
