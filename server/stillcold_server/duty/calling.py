"""The job that calls people on."""

from stillcold_server.duty.escalation import any_due, tick
from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import read, write


def call_on(context: JobContext, _due: int) -> str:
    """Make every call that is due for an alert that nobody has acknowledged."""
    now = context.now()
    with read(context.engine) as connection:
        if not any_due(connection, now):
            return "no call is due"
    with write(context.engine) as connection:
        called = tick(connection, context.channels, now)
    context.ring()
    return f"called for {called} alerts"
