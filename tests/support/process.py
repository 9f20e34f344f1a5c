"""Programs that run beside a test."""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from support.waiting import LONG, wait_for

_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def require_program(name: str) -> str:
    """Path of a program; skips the test where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path=_FOLDERS)
    if found is None:
        pytest.skip(f"{name} is not installed (make test installs it on Debian when run as root)")
    return found


class Process:
    """A program, its log, and the three ways to end it.

    Parameters
    ----------
    command : sequence of str
        What to run.
    log : Path
        Gets everything that it prints; start after start is appended.
    environment : mapping, optional
        Its whole environment; this process's by default.
    """

    def __init__(self, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.command, self.log, self.environment = list(command), log, environment
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._running is not None and self._running.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._running is not None, "not started"
        return self._running.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self) -> None:
        """Start it."""
        assert not self.alive, "already running"
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(self.command, stdout=log, stderr=log, env=self.environment)

    def stop(self, *, seconds: float = LONG) -> int:
        """Ask it to end (SIGTERM), and give its exit code."""
        return self.end(signal.SIGTERM, seconds=seconds)

    def kill(self) -> int:
        """End it without warning (SIGKILL)."""
        return self.end(signal.SIGKILL)

    def end(self, sent: signal.Signals, *, seconds: float = LONG) -> int:
        """End it by a signal, and give its exit code."""
        assert self._running is not None, "not started"
        self._running.send_signal(sent)
        return self._running.wait(seconds)

    def wait_for_output(self, text: str, *, seconds: float = LONG) -> None:
        """Wait until it has printed ``text``."""
        wait_for(lambda: text in self.output or not self.alive, seconds=seconds, what=f"{text!r} in {self.output!r}")
        assert text in self.output, f"ended without {text!r}:\n{self.output}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.alive:
            self.kill()
