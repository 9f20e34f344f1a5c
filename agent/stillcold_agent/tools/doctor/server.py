"""Whether the server acknowledges: what the journal holds, seen from another process."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stillcold_agent.config import Config
from stillcold_agent.journal.store import JOURNAL_FILE, PENDING, STORED
from stillcold_agent.observe.health import WAITS_TOO_LONG
from stillcold_agent.tools.doctor.finding import Finding, fail, good, warn

_LOOK = """
SELECT (SELECT sequence FROM chain), count(*) FILTER (WHERE state = :pending),
       min(written) FILTER (WHERE state = :pending), max(written) FILTER (WHERE state = :stored) FROM batch
"""


class _Look(NamedTuple):
    """What the journal holds: the last sequence, batches that wait, and ms since 1970 of the oldest of them and of the
    newest that the server has; None where there is none.
    """

    sequence: int | None
    waiting: int
    oldest: int | None
    newest: int | None


def server(config: Config, now: float) -> Iterator[Finding]:
    """How many batches wait for the server's acknowledgement, and how long the oldest has (``now``: UTC, s)."""
    path = Path(config.data_dir) / JOURNAL_FILE
    if not path.exists():
        yield warn("server", "no batch has been signed yet", "start the agent")
        return
    try:
        look = _look(path)
    except sqlite3.Error as error:
        yield fail(
            "server", f"{path} cannot be read: {error}", "run as root; a damaged journal is renewed at the start"
        )
        return
    seen = "" if look.newest is None else f"; the newest that it has is {now - look.newest / 1000:.0f} s old"
    if look.oldest is None:
        yield good("server", f"it has acknowledged all {look.sequence or 0} batches{seen}")
        return
    age = max(now - look.oldest / 1000, 0.0)
    found = f"{look.waiting} of {look.sequence} batches wait for its acknowledgement, the oldest for {age:.0f} s{seen}"
    do = "broker in order? Then the server has not this gateway's public key (check-config), or does not run"
    yield good("server", found) if age <= WAITS_TOO_LONG else fail("server", found, do)


def _look(path: Path) -> _Look:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return _Look(*db.execute(_LOOK, {"pending": PENDING, "stored": STORED}).fetchone())
    finally:
        db.close()
