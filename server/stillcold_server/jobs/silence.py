"""Looking for silences, and at what is hidden."""

from stillcold_server.duty.escalation import page_by
from stillcold_server.jobs.model import JobContext
from stillcold_server.silence.check import look
from stillcold_server.store.database import write


def check_silence(context: JobContext, _due: int) -> str:
    """Tell who has fallen silent, and show what is hidden no longer."""
    page = page_by(context.channels)
    with write(context.engine) as connection:
        said = look(connection, context.now(), page)
    context.ring()
    return said
