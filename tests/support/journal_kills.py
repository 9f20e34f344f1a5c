"""Kill -9 on a process that works on a journal, again and again: ``journal_kills.py FOLDER CYCLES SEED``.

A process of its own that has loaded everything forks the workers, so that a cycle takes milliseconds. It prints how
many cycles there were, how many batches were promised, and what was broken.
"""

import json
import logging
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.journal_checks import broken, promises
from support.journal_worker import work

_ANEW = 40  # cycles after which the folder is emptied, so that the checks stay short


def main(folder: Path, cycles: int, chance: random.Random) -> dict[str, object]:
    """Kill, look, go on with what is there."""
    promised = settled = 0
    for cycle in range(cycles):
        if cycle % _ANEW == 0:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        _kill_at_work(folder, chance)
        marks = folder / "marks"
        found = promises(marks.read_bytes() if marks.exists() else b"")
        if said := broken(folder / "journal.db", found):
            return {"cycles": cycle + 1, "promised": promised, "broken": said}
        if (cycle + 1) % _ANEW == 0 or cycle + 1 == cycles:
            promised, settled = promised + len(found.appended), settled + len(found.settled)
    return {"cycles": cycles, "promised": promised, "settled": settled, "broken": ""}


def _kill_at_work(folder: Path, chance: random.Random) -> None:
    seed, wait = chance.random(), min(chance.expovariate(1 / 0.03), 0.3)  # s, some in the middle of its start
    worker = os.fork()
    if worker == 0:
        try:
            work(folder, 10**9, random.Random(seed))
        finally:
            os._exit(1)  # it ends by nothing but the signal
    time.sleep(wait)
    os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    assert os.WIFSIGNALED(status), "the worker ended by itself"


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3])))))
