"""Tests that no other test disturbs, where several processes run tests."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Hold a turn: one that is alone begins when all others have ended, and the next ones wait for its end.

    Parameters
    ----------
    folder : Path
        Shared by the processes.
    alone : bool
        Whether nobody else may have a turn meanwhile.
    """
    with (folder / "gate").open("w") as gate, (folder / "turn").open("w") as held:
        fcntl.flock(gate, fcntl.LOCK_EX)  # whoever waits for the others to end keeps new ones from beginning
        fcntl.flock(held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
