"""The status file: what is proved of each sealed point, for whoever stands before the gateway."""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stillcold_agent.boot import Moment, clock_is_synchronised, now
from stillcold_agent.counts import Counts
from stillcold_agent.local.standing import Standing, iso

log = logging.getLogger(__name__)
_EVERY = 5.0  # s between writings when nothing changes


class StatusFile:
    """Writes the file when something changes, and every few seconds.

    Parameters
    ----------
    path : Path
        The file; it is replaced as a whole, so that a reader never sees half of it.
    gateway : str
        Whose.
    standings : callable
        Gives the points at a moment of the monotonic clock.
    depth : callable
        Gives how many batches wait for the server; called in another thread.
    counts : Counts
        ``status_file`` counts writings that failed.
    """

    def __init__(
        self,
        path: Path,
        gateway: str,
        standings: Callable[[float], Sequence[Standing]],
        depth: Callable[[], int],
        counts: Counts,
    ) -> None:
        self._path, self._gateway = path, gateway
        self._standings, self._depth, self._counts = standings, depth, counts
        self._changed = asyncio.Event()
        self._failing, self._ended = False, False
        self._lock = threading.Lock()

    def changed(self) -> None:
        """Write it soon."""
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled; a file that nobody keeps true any more is removed."""
        try:
            while True:
                self._changed.clear()
                moment = now()
                await asyncio.to_thread(self._write, moment, self._standings(moment.monotonic))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY):  # wait_for of Python 3.11 may lose a cancellation
                        await self._changed.wait()
        finally:
            with self._lock:  # the thread may still be at it
                self._ended = True
                self._path.unlink(missing_ok=True)

    def _write(self, moment: Moment, standings: Sequence[Standing]) -> None:
        content = {
            "gateway": self._gateway,
            "written": iso(moment.time),
            "clock": "synchronised" if clock_is_synchronised() else "not synchronised",
            "journal_depth": self._depth(),
            "points": {s.point: _shown(s) for s in standings},
        }
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            self._replace(new, json.dumps(content, indent=1) + "\n")
        except OSError as error:
            self._counts.add("status_file")
            if not self._failing:
                log.error("%s cannot be written: %s", self._path, error.strerror)
            self._failing = True
        else:
            self._failing = False

    def _replace(self, new: Path, text: str) -> None:
        new.write_text(text, encoding="utf-8")
        new.chmod(0o644)  # nothing in it is secret, and a display has a user of its own
        with self._lock:
            if self._ended:
                new.unlink()
            else:
                new.replace(self._path)


def _shown(standing: Standing) -> dict[str, Any]:
    return {
        "state": standing.state,
        "kind": standing.kind,
        "since": None if standing.since is None else iso(standing.since),
        "read": None if standing.read is None else iso(standing.read),
    }
