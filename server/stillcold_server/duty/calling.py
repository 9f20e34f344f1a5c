"""The job that calls people on."""

from stillcold_server.duty.escalation import call_if_due, due_alerts
from stillcold_server.jobs.each import Each
from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import read, write


def call_on(context: JobContext, _due: int) -> str:
    """Make every call that is due for an alert that nobody has acknowledged.

    Each alert has a transaction of its own: whoever else writes waits for one alert, and one that fails stops no other.
    """
    now, called, each = context.now(), 0, Each("the next call")
    with read(context.engine) as connection:
        due = due_alerts(connection, now)
    for alert_id in due:
        with each.one(alert_id), write(context.engine) as connection:
            called += call_if_due(connection, alert_id, context.channels, now)
    if due:
        context.ring()
    each.end()
    return f"called for {called} alerts" if due else "no call is due"
