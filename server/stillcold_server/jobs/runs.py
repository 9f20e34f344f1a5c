"""The runs of jobs in the store: what is due, who does it, and how it ended.

A run is a row before it begins. Whoever does it takes it by a conditional update and renews its lease while it works;
when that has ended, because the server is gone, anybody takes the run again.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update

from stillcold_server.jobs.model import Job
from stillcold_server.store.database import insert_missing
from stillcold_server.store.lease import LONGEST_MS
from stillcold_server.store.schema import job_run

LEASE = 60_000
"""ms in which a server that works renews its lease."""
BACK_OFF = (60, 300, 900, 3600)
"""s until a run that has failed is tried again; after the last one it has failed for good."""
MOST_QUIET, MOST_TELLING = 100, 500
"""Runs of a job that are kept: of those that went well at once or were skipped, and of those that say more."""
_t = job_run.c


def enqueue(connection: Connection, job: Job, due: Iterable[int], now: int) -> None:
    """Put runs in line, times in ms; those that are there already stay as they are."""
    times = list(due)
    rows = [
        {"job": job.name, "due_at": t, "state": "waiting", "attempts": 0, "try_at": now, "detail": ""} for t in times
    ]
    insert_missing(connection, job_run, rows)
    if times and not job.each:
        older = and_(_t.job == job.name, _t.due_at < max(times), _t.state == "waiting")
        connection.execute(update(job_run).where(older).values(state="skipped", ended_at=now))


def is_waiting(connection: Connection, jobs: Collection[str], now: int) -> bool:
    """Whether there is a run of some jobs to take."""
    return connection.scalar(select(_t.job).where(_takeable(jobs, now)).limit(1)) is not None


def take(connection: Connection, server: str, jobs: Collection[str], now: int) -> Row[Any] | None:
    """Begin the run that has been due the longest; of one job one at a time runs.

    Parameters
    ----------
    connection : Connection
        A transaction that writes.
    server : str
        Who does it.
    jobs : collection of str
        Those that it can do.
    now : int
        ms
    """
    due = select(job_run).where(_takeable(jobs, now)).order_by(_t.due_at, _t.job).limit(1)
    row = connection.execute(due).one_or_none()
    if row is not None:
        values = {"server": server, "until": now + LEASE, "started_at": now, "attempts": row.attempts + 1}
        connection.execute(update(job_run).where(_same(row)).values(state="running", **values))
    return row


def renew(connection: Connection, server: str, runs: Sequence[Row[Any]], now: int) -> None:
    """Keep the leases of runs that are going on."""
    for row in runs:
        connection.execute(update(job_run).where(_mine(row, server)).values(until=now + LEASE))


def finish(connection: Connection, server: str, run: Row[Any], said: str, now: int) -> bool:
    """It is done; whether it was still ours."""
    values = {"state": "done", "ended_at": now, "detail": said}
    ours = connection.execute(update(job_run).where(_mine(run, server)).values(values)).rowcount == 1
    _forget(connection, run.job)
    return ours


def fail(connection: Connection, server: str, run: Row[Any], why: str, now: int) -> str:
    """It has failed: ``retried`` later, or ``failed`` for good; ``lost`` where it was ours no more."""
    given_up = run.attempts >= len(BACK_OFF)
    pause = 0 if given_up else BACK_OFF[run.attempts]
    values = {"state": "failed" if given_up else "waiting", "try_at": now + pause * 1000, "ended_at": now}
    if connection.execute(update(job_run).where(_mine(run, server)).values(values | {"detail": why})).rowcount == 0:
        return "lost"
    _forget(connection, run.job)
    return "failed" if given_up else "retried"


def _forget(connection: Connection, job: str) -> None:
    """Delete the oldest runs of a job: one that is due every few seconds would fill the table."""
    over = _t.state.in_(("done", "failed", "skipped"))
    quiet = or_(and_(_t.state == "done", _t.attempts == 1), and_(_t.state == "skipped", _t.attempts == 0))
    for which, most in ((quiet, MOST_QUIET), (~quiet, MOST_TELLING)):
        these = and_(_t.job == job, over, which)
        oldest = select(_t.due_at).where(these).order_by(_t.due_at.desc()).offset(most - 1).limit(1)
        connection.execute(delete(job_run).where(these, _t.due_at < oldest.scalar_subquery()))


def last_runs(connection: Connection) -> dict[str, Row[Any]]:
    """The newest run of each job that has begun."""
    begun = select(_t.job, func.max(_t.due_at).label("due_at")).where(_t.attempts > 0).group_by(_t.job).subquery()
    query = select(job_run).join(begun, and_(_t.job == begun.c.job, _t.due_at == begun.c.due_at))
    return {row.job: row for row in connection.execute(query)}


def failing(connection: Connection) -> list[str]:
    """Jobs whose newest run that has begun has failed, be it tried again, given up, or skipped for a later one."""
    return sorted(name for name, row in last_runs(connection).items() if row.state in ("waiting", "failed", "skipped"))


def last_done(connection: Connection) -> dict[str, int]:
    """When each job was last done, ms."""
    query = select(_t.job, func.max(_t.ended_at).label("at")).where(_t.state == "done").group_by(_t.job)
    return {row.job: row.at for row in connection.execute(query)}


def _takeable(jobs: Collection[str], now: int) -> Any:
    other = job_run.alias()
    held = other.c.until.between(now + 1, now + LONGEST_MS)
    going_on = select(other.c.job).where(other.c.job == _t.job, other.c.state == "running", held)
    left = and_(_t.state == "running", ~_t.until.between(now + 1, now + LONGEST_MS))
    waits = or_(and_(_t.state == "waiting", _t.try_at <= now), left)
    return and_(waits, _t.job.in_(jobs), ~going_on.correlate(job_run).exists())


def _same(row: Row[Any]) -> Any:
    return and_(_t.job == row.job, _t.due_at == row.due_at)


def _mine(row: Row[Any], server: str) -> Any:
    """What was taken as ``row``: one that was given up here may have been taken here again."""
    return and_(_same(row), _t.state == "running", _t.server == server, _t.attempts == row.attempts + 1)
