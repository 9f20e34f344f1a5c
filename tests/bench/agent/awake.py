"""Cores that do not fall asleep, so that what is measured is a program's work and not a virtual machine's awakening."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")  # sched(7): sessions share the cores, whatever the policy within them


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keep every core busy with what gives way to everything else."""
    spinners = [subprocess.Popen([sys.executable, __file__], start_new_session=True) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def _spin() -> None:
    with contextlib.suppress(OSError):
        _AUTOGROUP.write_text("19")
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


if __name__ == "__main__":
    _spin()
