"""When jobs are due: APScheduler, whose times lie in the database.

APScheduler says what is due and keeps when each job is due next; it runs nothing itself. What is due is put in line by
the same transaction that moves the next time on, so that a hard exit at any moment neither loses a run nor adds one.
"""

import logging
import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, Engine, select, update

from stillcold_server.jobs.model import Job
from stillcold_server.jobs.runs import enqueue
from stillcold_server.jobs.table import job_of
from stillcold_server.store.database import write
from stillcold_server.store.schema import scheduler_job

log = logging.getLogger(__name__)
_RETRY = 5.0  # s until the next look after the database did not answer
_APART = timedelta(minutes=1)  # that the clocks of two servers may be apart


class Clockwork:
    """Puts runs in line as they become due.

    Parameters
    ----------
    engine : Engine
        The database.
    jobs : mapping of str to Job
        By name.
    on_due : callable
        Called when something was put in line.
    """

    def __init__(self, engine: Engine, jobs: Mapping[str, Job], on_due: Callable[[], None]) -> None:
        self._jobs = jobs
        due: dict[str, Sequence[datetime]] = {}
        self._scheduler = _Scheduler(
            jobstores={"default": _Store(engine, jobs, due, on_due)},
            executors={"default": _Collect(due)},
            job_defaults={"misfire_grace_time": None},  # however late
            timezone=UTC,
        )

    def start(self) -> None:
        """Begin; what was missed is put in line at once."""
        self._scheduler.start(paused=True)
        known = {job.id: job for job in self._scheduler.get_jobs()}
        for name in known.keys() - self._jobs.keys():
            self._scheduler.remove_job(name)
        for job in self._jobs.values():
            if not _agrees(known.get(job.name), job):
                self._scheduler.add_job(
                    job_of, job.trigger, [job.name], id=job.name, coalesce=not job.each, replace_existing=True
                )
        self._scheduler.resume()

    def stop(self) -> None:
        """End."""
        self._scheduler.shutdown()


def next_times(connection: Connection) -> dict[str, int]:
    """When each job is due next, ms."""
    rows = connection.execute(select(scheduler_job.c.id, scheduler_job.c.next_run_time))
    return {name: round(1000 * at) for name, at in rows if at is not None}


def _agrees(known: Any, job: Job) -> bool:
    """Whether what is stored is this job: its next time is kept then, or nothing missed would be caught up."""
    return known is not None and str(known.trigger) == str(job.trigger) and known.coalesce is not job.each


class _Collect(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Notes the times that are due, for the store's next update."""

    def __init__(self, due: dict[str, Sequence[datetime]]) -> None:
        super().__init__()
        self._due = due

    def _do_submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        self._due[job.id] = run_times
        self._run_job_success(job.id, [])


class _Store(SQLAlchemyJobStore):  # type: ignore[misc]
    """APScheduler's store, which puts runs in line together with the job's next time."""

    def __init__(
        self,
        engine: Engine,
        jobs: Mapping[str, Job],
        due: dict[str, Sequence[datetime]],
        on_due: Callable[[], None],
    ) -> None:
        super().__init__(engine=engine.execution_options(writes=True), tablename=scheduler_job.name)
        self._jobs, self._due, self._on_due = jobs, due, on_due

    def update_job(self, job: Any) -> None:
        """See :meth:`apscheduler.jobstores.base.BaseJobStore.update_job`."""
        times = [round(t.timestamp() * 1000) for t in self._due.pop(job.id, ())]
        now = round(datetime.now(UTC).timestamp() * 1000)
        with write(self.engine) as connection:
            enqueue(connection, self._jobs[job.id], times, now)
            values = {"next_run_time": job.next_run_time.timestamp(), "job_state": self._dumped(job)}
            connection.execute(update(scheduler_job).where(scheduler_job.c.id == job.id).values(values))
        self._on_due()

    def shutdown(self) -> None:
        """See :meth:`apscheduler.jobstores.base.BaseJobStore.shutdown`; the engine is not ours to close."""

    def _dumped(self, job: Any) -> bytes:
        return pickle.dumps(job.__getstate__(), self.pickle_protocol)


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]
    """Goes on when the database does not answer, and when the clock is set back."""

    def _process_jobs(self) -> float | None:
        try:
            self._pull_back()
            wait: float | None = super()._process_jobs()
        except Exception:
            log.exception("what is due cannot be put in line, trying again")
            return _RETRY
        return wait

    def _pull_back(self) -> None:
        """Jobs that are due later than they can be were put there before the clock was set back: they would rest."""
        now = datetime.now(UTC)
        for job in self.get_jobs():
            latest = job.trigger.get_next_fire_time(now, now)
            if job.next_run_time and latest and job.next_run_time > latest + _APART:
                log.warning("the clock was set back: job %s is due anew", job.id)
                # Of an interval the times to come may have been done already, before the clock was set.
                job.modify(next_run_time=now if isinstance(job.trigger, IntervalTrigger) else latest)
