"""Looking for silences, and at what is hidden."""

from stillcold_server.duty.escalation import page_by
from stillcold_server.jobs.model import JobContext
from stillcold_server.silence.check import look


def check_silence(context: JobContext, _due: int) -> str:
    """Tell who has fallen silent, and show what is hidden no longer."""
    try:
        return look(context.engine, context.now(), page_by(context.channels))
    finally:
        context.ring()
