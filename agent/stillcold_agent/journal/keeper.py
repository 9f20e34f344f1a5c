"""The thread that signs closed batches and writes them to the journal, so that no meter waits for a disk."""

import contextlib
import functools
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable

from stillcold_agent.batcher import Collected
from stillcold_agent.counts import Counts
from stillcold_agent.journal.sealing import Sealer
from stillcold_agent.journal.store import Journal
from stillcold_agent.threads import reporting

log = logging.getLogger(__name__)
_MOST_WAITING = 64
_RETRY = 1.0  # s between attempts at a disk that does not take a batch


class Keeper:
    """Takes closed batches.

    Parameters
    ----------
    sealer : Sealer
        Signs them.
    journal : Journal
        Keeps them.
    on_kept : callable
        Called after each that is on the disk.
    on_failure : callable
        Gets the error that nobody foresaw and that has ended the thread.
    counts : Counts
        ``keeper_full`` counts batches dropped because the disk did not take those before them, ``keeper_stopped``
        those that it still did not take when the agent was stopped.
    """

    def __init__(
        self,
        sealer: Sealer,
        journal: Journal,
        *,
        on_kept: Callable[[], None],
        on_failure: Callable[[BaseException], None],
        counts: Counts,
    ) -> None:
        self._sealer, self._journal, self._on_kept, self._counts = sealer, journal, on_kept, counts
        self._waiting: queue.Queue[Collected | None] = queue.Queue(_MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=reporting(self._run, on_failure), name="keeper")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, collected: Collected) -> None:
        """Hand over a closed batch; never waits."""
        try:
            self._waiting.put_nowait(collected)
        except queue.Full:
            total = self._counts.add("keeper_full")
            log.error("the journal does not keep up: dropped a batch, %d so far", total)

    def stop(self) -> None:
        """Write what was handed over, then end. A disk that does not take it gets one attempt each."""
        self._stopping.set()
        while self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=_RETRY)
                self._thread.join()

    def _run(self) -> None:
        while (collected := self._waiting.get()) is not None:
            while not self._keep(collected):
                if self._stopping.wait(_RETRY):
                    self._counts.add("keeper_stopped")
                    break

    def _keep(self, collected: Collected) -> bool:
        try:
            sequence = self._journal.append(functools.partial(self._sealer.seal, collected))
        except sqlite3.Error:
            log.exception("the journal cannot be written")
            return False
        log.debug("batch %d closed (%s)", sequence, collected.reason)
        self._on_kept()
        return True
