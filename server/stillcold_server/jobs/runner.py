"""Doing the runs that are in line: a few at a time, each in a thread of its own.

One that hangs holds no other, and counts as failed once it has run for longer than its job may.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from stillcold_server.jobs.clockwork import Clockwork
from stillcold_server.jobs.model import Job, JobContext
from stillcold_server.jobs.runs import LEASE, enqueue, fail, finish, is_waiting, renew, take
from stillcold_server.jobs.table import JOBS
from stillcold_server.metrics import Metrics
from stillcold_server.store.database import read, write
from stillcold_server.store.lease import new_owner

log = logging.getLogger(__name__)
_TOGETHER = 4
_MOST_HUNG = 2
"""Threads of one job that hang here: then only another server takes it."""
_IDLE = 2.0  # s between looks at the table: a run may come from a command, or be left by another server
_RENEWED = LEASE / 4000  # s
_PATIENCE = 10.0  # s that the end waits for runs that are going on


class Runner:
    """Takes runs and does them.

    Parameters
    ----------
    context : JobContext
        What the jobs work with.
    metrics : Metrics
        Counts runs by outcome.
    jobs : mapping of str to Job, optional
        By name.
    """

    def __init__(self, context: JobContext, metrics: Metrics, jobs: Mapping[str, Job] = JOBS) -> None:
        self._context, self._metrics, self._jobs = context, metrics, jobs
        self._server = new_owner()
        self._bell, self._stopping = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._going_on: dict[threading.Thread, tuple[Row[Any], float]] = {}
        self._hung: dict[threading.Thread, str] = {}
        self._clockwork = Clockwork(context.engine, jobs, self._bell.set)
        self._threads = [
            threading.Thread(target=self._take_runs, name="jobs", daemon=True),
            threading.Thread(target=self._keep, name="jobs-leases", daemon=True),
        ]

    @property
    def alive(self) -> bool:
        """Whether runs are taken."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Begin; what was missed is caught up."""
        self._clockwork.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End. A run that does not end within ten seconds is left: it begins again, here or on another server."""
        self._clockwork.stop()
        self._stopping.set()
        self._bell.set()
        for thread in self._threads:
            thread.join()
        with self._lock:
            left = list(self._going_on.items())
        for thread, (row, _) in left:
            thread.join(_PATIENCE)
            if thread.is_alive():
                log.error("job %s does not end and is left", row.job)

    def run_now(self, name: str) -> str | None:
        """Do a job here and now, whenever it is due.

        Returns
        -------
        str or None
            ``done``, ``retried`` (it has failed and is tried again later) or ``failed``; None when it is going on
            already.
        """
        now = self._context.now()
        with write(self._context.engine) as connection:
            enqueue(connection, self._jobs[name], [now], now)
            row = take(connection, self._server, [name], now)
        return None if row is None else self._do(row)

    def run_next(self) -> str | None:
        """Do the run here and now that has been due the longest; its outcome, or None where there is none."""
        with write(self._context.engine) as connection:
            row = take(connection, self._server, self._jobs.keys(), self._context.now())
        return None if row is None else self._do(row)

    def tend(self) -> None:
        """Keep the leases of the runs that are going on, and give up those that run for too long."""
        with self._lock:
            runs = dict(self._going_on)
        kept = []
        for thread, (row, began) in runs.items():
            if time.monotonic() - began > 60 * self._jobs[row.job].minutes:
                self._give_up(thread, row)
            else:
                kept.append(row)
        if kept:
            with write(self._context.engine) as connection:
                renew(connection, self._server, kept, self._context.now())

    def _give_up(self, thread: threading.Thread, row: Row[Any]) -> None:
        why = f"ran for longer than {self._jobs[row.job].minutes:g} minutes"
        log.error("job %s hangs: it %s", row.job, why)
        with write(self._context.engine) as connection:
            outcome = fail(connection, self._server, row, why, self._context.now())
        self._metrics.job(row.job, outcome)
        with self._lock:
            if self._going_on.pop(thread, None):
                self._hung[thread] = row.job
        self._bell.set()

    def _take_runs(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            try:
                while len(self._going_on) < _TOGETHER and self._begin_next():
                    pass
            except Exception:
                log.exception("what is due cannot be begun, trying again")
            self._bell.wait(_IDLE)

    def _begin_next(self) -> bool:
        engine, now = self._context.engine, self._context.now()
        with self._lock:
            hung = Counter(self._hung.values())
        names = [name for name in self._jobs if hung[name] < _MOST_HUNG]
        with read(engine) as connection:
            if self._stopping.is_set() or not is_waiting(connection, names, now):
                return False
        with write(engine) as connection:
            row = take(connection, self._server, names, now)
        if row is not None:
            thread = threading.Thread(target=self._do_beside, args=(row,), name=f"job-{row.job}", daemon=True)
            with self._lock:
                self._going_on[thread] = row, time.monotonic()
            thread.start()
        return row is not None

    def _do_beside(self, row: Row[Any]) -> None:
        try:
            self._do(row)
        except Exception:
            # Its lease ends, and it is taken again.
            log.exception("how job %s ended cannot be written down", row.job)
        with self._lock:
            me = threading.current_thread()
            self._going_on.pop(me, None)
            self._hung.pop(me, None)
        self._bell.set()

    def _do(self, row: Row[Any]) -> str:
        try:
            said = self._jobs[row.job].work(self._context, row.due_at)
        except Exception as error:
            log.exception("job %s failed", row.job)
            with write(self._context.engine) as connection:
                why = f"{type(error).__name__}: {error}"
                outcome = fail(connection, self._server, row, why, self._context.now())
        else:
            log.info("job %s: %s", row.job, said)
            with write(self._context.engine) as connection:
                outcome = "done" if finish(connection, self._server, row, said, self._context.now()) else "lost"
        self._metrics.job(row.job, outcome)
        return outcome

    def _keep(self) -> None:
        while not self._stopping.wait(_RENEWED):
            try:
                self.tend()
            except Exception:
                log.exception("the leases of running jobs cannot be renewed, trying again")
