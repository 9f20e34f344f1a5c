"""What a process and its children have used, from /proc."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """A process and all that it started, as far as they live."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def cpu(pid: int) -> float:
    """CPU seconds of a process and its children, those that have ended included."""
    return sum(map(_own_cpu, tree(pid)))


def peak_memory(pid: int) -> float:
    """Largest resident set so far, MB, summed over the tree."""
    return sum(_status(p, "status", "VmHWM:") for p in tree(pid))


def own_memory(pid: int) -> float:
    """Proportional set now, MB: pages shared with other programs count by their share."""
    return sum(_status(p, "smaps_rollup", "Pss:") for p in tree(pid))


def _own_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / _TICK


def _status(pid: int, file: str, key: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
