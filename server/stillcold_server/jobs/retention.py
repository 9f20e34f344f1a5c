"""What is deleted after its time. Batches, alerts and their journals, and the audit log are evidence: they stay."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, delete, select

from stillcold_server.config import Keep
from stillcold_server.days import DAY
from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import write
from stillcold_server.store.schema import delivery, delivery_try, job_run, rollup, session


def forget(context: JobContext, _due: int) -> str:
    """Delete what is older than it is kept; one transaction a kind, so that nobody waits for all of them."""
    said = []
    for name, rule in _RULES.items():
        with write(context.engine) as connection:
            said.append(f"{name} {rule(connection, context.config.keep, context.now())}")
    return f"deleted: {', '.join(said)}"


def _sessions(connection: Connection, _keep: Keep, now: int) -> int:
    return connection.execute(delete(session).where(session.c.expires_at < now)).rowcount


def _minutes(connection: Connection, keep: Keep, now: int) -> int:
    return _rollups(connection, 60, now - keep.minute_rollups_days * DAY)


def _quarters(connection: Connection, keep: Keep, now: int) -> int:
    return _rollups(connection, 900, now - keep.quarter_hour_rollups_days * DAY)


def _rollups(connection: Connection, resolution: int, before: int) -> int:
    return connection.execute(delete(rollup).where(rollup.c.resolution == resolution, rollup.c.start < before)).rowcount


def _deliveries(connection: Connection, keep: Keep, now: int) -> int:
    over: ColumnElement[bool] = delivery.c.state.in_(("delivered", "failed", "skipped"))
    old = over & (delivery.c.created_at < now - keep.deliveries_days * DAY)
    connection.execute(delete(delivery_try).where(delivery_try.c.delivery.in_(select(delivery.c.id).where(old))))
    return connection.execute(delete(delivery).where(old)).rowcount


def _runs(connection: Connection, keep: Keep, now: int) -> int:
    return connection.execute(delete(job_run).where(job_run.c.ended_at < now - keep.job_runs_days * DAY)).rowcount


_RULES: dict[str, Callable[[Connection, Keep, int], int]] = {
    "ended sessions": _sessions,
    "minutes of rollups": _minutes,
    "quarters of rollups": _quarters,
    "deliveries": _deliveries,
    "runs of jobs": _runs,
}
