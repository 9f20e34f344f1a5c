"""The job that calls people on."""

import logging

from stillcold_server.duty.escalation import call_if_due, due_alerts
from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import read, write

log = logging.getLogger(__name__)


def call_on(context: JobContext, _due: int) -> str:
    """Make every call that is due for an alert that nobody has acknowledged.

    Each alert has a transaction of its own: whoever else writes waits for one alert, and one that fails stops no other.
    """
    now, called = context.now(), 0
    with read(context.engine) as connection:
        due = due_alerts(connection, now)
    failed: Exception | None = None
    for alert_id in due:
        try:
            with write(context.engine) as connection:
                called += call_if_due(connection, alert_id, context.channels, now)
        except Exception as error:
            log.exception("the next call for alert %s cannot be made", alert_id)
            failed = error
    if due:
        context.ring()
    if failed is not None:
        raise failed
    return f"called for {called} alerts" if due else "no call is due"
