"""The thread that signs closed batches and writes them to the journal, so that no meter waits for a disk."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence

from stillcold_agent.batcher import Collected, joined
from stillcold_agent.counts import Counts
from stillcold_agent.journal.entries import Kept
from stillcold_agent.journal.gaps import Loss
from stillcold_agent.journal.sealing import Sealer, loss_of
from stillcold_agent.journal.store import Journal
from stillcold_agent.threads import reporting

log = logging.getLogger(__name__)
_MOST_WAITING = 64
_MOST_VALUES = 1_000_000
"""In the batches that wait: some 80 MB, measured with a meter of 26 quantities."""
_TOGETHER = 16
"""Batches in one transaction, where they queue: a commit costs the card more than what is in it."""
_RETRY = 1.0  # s between attempts at a disk that does not take a batch
_EXPIRE = 600.0  # s between looks for what is too old


class Keeper:
    """Takes closed batches.

    Parameters
    ----------
    sealer : Sealer
        Signs them.
    journal : Journal
        Keeps them.
    on_kept : callable
        Gets the batches of each commit.
    on_failure : callable
        Gets the error that nobody foresaw and that has ended the thread.
    counts : Counts
        ``keeper_full`` counts batches dropped because the disk did not take those before them, the least important
        and of those the oldest first; ``keeper_stopped`` those that it still did not take when the agent was stopped.
        ``journal_error`` counts what the disk refused.
    """

    def __init__(
        self,
        sealer: Sealer,
        journal: Journal,
        *,
        on_kept: Callable[[Sequence[Kept]], None],
        on_failure: Callable[[BaseException], None],
        counts: Counts,
    ) -> None:
        self._sealer, self._journal, self._on_kept, self._counts = sealer, journal, on_kept, counts
        self._waiting: list[Collected] = []
        self._values = 0
        self._loss: Loss | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._expired = time.monotonic()
        self._thread = threading.Thread(target=reporting(self._run, on_failure), name="keeper")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, collected: Collected) -> None:
        """Hand over a closed batch; never waits for the disk."""
        with self._changed:
            self._waiting.append(collected)
            self._values += collected.values
            while len(self._waiting) > 1 and (len(self._waiting) > _MOST_WAITING or self._values > _MOST_VALUES):
                self._drop_least()
            self._changed.notify()

    def stop(self) -> None:
        """Write what was handed over, then end. A disk that does not take it gets one attempt more."""
        with self._changed:
            self._stopping.set()
            self._changed.notify()
        self._thread.join()

    def _drop_least(self) -> None:
        importance = [c.importance for c in self._waiting]
        least = self._waiting.pop(importance.index(min(importance)))
        self._values -= least.values
        self._lose(least)
        total = self._counts.add("keeper_full")
        log.error("the journal does not keep up: dropped a batch, %d so far", total)

    def _give_up(self, group: list[Collected]) -> None:
        with self._changed:
            for collected in group:
                self._lose(collected)
        total = self._counts.add("keeper_stopped", len(group))
        log.error("the journal cannot be written and the agent stops: dropped %d batches, %d so far", len(group), total)

    def _lose(self, collected: Collected) -> None:
        loss = loss_of(collected, "disk_error")
        self._loss = loss.joined(self._loss) if self._loss else loss

    def _note_rest(self) -> None:
        """Leave what no batch has told to the first batch of the next run.

        It is small and mostly finds room in the database's log, which keeps its size, where a batch found none.
        """
        with self._changed:
            loss, self._loss = self._loss, None
        if loss is None:
            return
        try:
            self._journal.append([], [loss])
        except sqlite3.Error:
            self._counts.add("journal_error")
            log.exception("what was lost cannot be noted, so no batch will tell it: %s", loss)

    def _run(self) -> None:
        while group := self._next():
            while not self._keep(group):
                if self._stopping.wait(_RETRY):
                    self._give_up(group)
                    break
            self._expire()
        self._note_rest()

    def _next(self) -> list[Collected]:
        """What is written together next; nothing when all is written and the agent stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping.is_set())
            group, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            self._values -= sum(c.values for c in group)
        return joined(group)

    def _keep(self, group: list[Collected]) -> bool:
        with self._changed:
            loss, self._loss = self._loss, None
        try:
            kept = self._journal.append([self._sealer.entry(c) for c in group], [loss] if loss else [])
        except sqlite3.Error:
            self._counts.add("journal_error")
            log.exception("the journal cannot be written")
            with self._changed:
                self._loss = loss.joined(self._loss) if loss and self._loss else loss or self._loss
            return False
        for batch, collected in zip(kept, group, strict=True):
            log.debug("batch %d closed (%s)", batch.sequence, collected.reason)
        self._on_kept(kept)
        return True

    def _expire(self) -> None:
        now = time.monotonic()
        if now - self._expired < _EXPIRE:
            return
        self._expired = now
        try:
            self._journal.expire()
        except sqlite3.Error:
            self._counts.add("journal_error")
            log.exception("the journal cannot be rid of what is too old")
