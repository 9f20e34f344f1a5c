"""What is deleted after its time. Batches, alerts and their journals are evidence: they stay."""

from sqlalchemy import Connection, delete

from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import write
from stillcold_server.store.schema import job_run, session

_DAY = 86_400_000  # ms
_RUNS_DAYS = 30


def forget(context: JobContext, _due: int) -> str:
    """Delete what is older than it is kept."""
    now = context.now()
    with write(context.engine) as connection:
        return f"deleted {_sessions(connection, now)} ended sessions, {_runs(connection, now)} runs of jobs"


def _sessions(connection: Connection, now: int) -> int:
    return connection.execute(delete(session).where(session.c.expires_at < now)).rowcount


def _runs(connection: Connection, now: int) -> int:
    old = job_run.c.ended_at < now - _RUNS_DAYS * _DAY
    return connection.execute(delete(job_run).where(old)).rowcount
