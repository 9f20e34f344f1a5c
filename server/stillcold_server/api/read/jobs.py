"""Jobs and their runs."""

from typing import Any

from sqlalchemy import Connection, Row

from stillcold_server.api.models.jobs import Job, JobRun
from stillcold_server.jobs.clockwork import next_times
from stillcold_server.jobs.runs import last_done, last_runs
from stillcold_server.jobs.table import JOBS


def list_jobs(connection: Connection) -> list[Job]:
    """Every job with its next and its last run."""
    coming, last, done = next_times(connection), last_runs(connection), last_done(connection)
    return [
        Job(name=n, next_at=coming.get(n), last_done_at=done.get(n), last=_run(last[n]) if n in last else None)
        for n in JOBS
    ]


def _run(row: Row[Any]) -> JobRun:
    return JobRun(**{name: row._mapping[name] for name in JobRun.model_fields})
