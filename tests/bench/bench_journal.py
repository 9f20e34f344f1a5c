"""The agent's journal: ``python tests/bench/bench_journal.py [kills] [cuts] [offline]``; all three without a name.

kills    10,000 kill -9 on a process that works on a journal; what was promised must be there
cuts     2,000 power cuts, with FULL, and with OFF to show that the cuts cut
offline  72 h at 20 values × 1 Hz × 4 quiet meters: megabytes in the journal, what the card wrote, and the drain
         through a real mosquitto to a server that acknowledges
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.journal_checks import KILLER, WORKER, broken_by_power_cuts
from support.offline import drain, quiet_days
from support.powercut import build, read_log, run

CYCLES, CUTS, HOURS = 10_000, 2_000, 72


def kills(folder: Path) -> None:
    """Ten thousand of them."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, KILLER, str(folder / "work"), str(CYCLES), "1"], stdout=-1, check=True)
    print(f"kills: {json.loads(done.stdout)} in {time.monotonic() - began:.0f} s")


def cuts(folder: Path) -> None:
    """Two thousand of them, and as many without syncs."""
    library = build(folder)
    for synchronous in ("FULL", "OFF"):
        work, after = folder / synchronous, folder / f"{synchronous}-after"
        work.mkdir()
        after.mkdir()
        run(library, work, [WORKER, str(work), "600", synchronous, "5"], log=folder / f"{synchronous}.log")
        ops = read_log(folder / f"{synchronous}.log")
        found = Counter("kept" if not said else "broken" for said in broken_by_power_cuts(ops, CUTS, after, seed=7))
        print(f"power cuts, synchronous={synchronous}: {dict(found)} of {CUTS} in {len(ops)} operations")


def offline(folder: Path) -> None:
    """Three days in simulated time, then the way to a broker in real time."""
    began = time.monotonic()
    line = quiet_days(folder / "journal.db", HOURS * 3600)
    stats = line.journal.stats()
    written = f"{(stats.written_kb or 0) / HOURS / 3600:.2f} kB/s written" if stats.written_kb else "nothing is written"
    work = time.monotonic() - began
    print(f"offline: {stats.depth} batches, {stats.bytes / 1e6:.1f} MB, {written}, {work:.0f} s of work")
    print(f"drain: {drain(line, folder):.0f} s")


PARTS = {"kills": kills, "cuts": cuts, "offline": offline}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
            PARTS[name](Path(made))
