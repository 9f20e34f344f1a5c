"""Whether the server acknowledges: what the journal holds, seen from another process."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from stillcold_agent.config import Config
from stillcold_agent.journal.store import JOURNAL_FILE, PENDING
from stillcold_agent.observe.health import WAITS_TOO_LONG
from stillcold_agent.tools.doctor.finding import Finding, fail, good, warn

_LOOK = "SELECT (SELECT sequence FROM chain), count(*), min(written) FROM batch WHERE state = ?"


def server(config: Config, now: float) -> Iterator[Finding]:
    """How many batches wait for the server's acknowledgement, and how long the oldest has (``now``: UTC, s)."""
    path = Path(config.data_dir) / JOURNAL_FILE
    if not path.exists():
        yield warn("server", "no batch has been signed yet", "start the agent")
        return
    try:
        sequence, waiting, written = _look(path)
    except sqlite3.Error as error:
        yield fail(
            "server", f"{path} cannot be read: {error}", "run as root; a damaged journal is renewed at the start"
        )
        return
    if not waiting:
        yield good("server", f"it has acknowledged all {sequence} batches")
        return
    age = max(now - written / 1000, 0.0)
    found = f"{waiting} of {sequence} batches wait for its acknowledgement, the oldest for {age:.0f} s"
    do = "broker in order? Then the server has not this gateway's public key (check-config), or does not run"
    yield good("server", found) if age <= WAITS_TOO_LONG else fail("server", found, do)


def _look(path: Path) -> tuple[int, int, int]:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        sequence, waiting, written = db.execute(_LOOK, (PENDING,)).fetchone()
    finally:
        db.close()
    return int(sequence or 0), int(waiting), int(written or 0)
