"""What is done at set times: observations are decided, days are stated."""

from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import read, write
from stillcold_server.verification.attesting import attest
from stillcold_server.verification.procedure import Refused, decide, progress, running
from stillcold_server.verification.signer import NoKey, signer_of

SYSTEM = "system"
"""Who decides an observation that nobody has decided before."""


def attest_lines(context: JobContext, _due: int) -> str:
    """State the days that are over."""
    try:
        signer = signer_of(context.config)
    except NoKey as error:
        return f"nothing stated: {error}"
    return f"stated {attest(context.engine, signer, context.now())} days of lines"


def decide_observations(context: JobContext, _due: int) -> str:
    """Decide the observations of which every reading has come, or is waited for no more."""
    now, decided = context.now(), 0
    with read(context.engine) as connection:
        ready = [o.id for o in running(connection) if now >= o.end and progress(connection, o, now).ready]
    for number in ready:
        try:
            with write(context.engine) as connection:
                decide(connection, signer_of(context.config), number, SYSTEM, now)
        except Refused:  # an inspector has ended it meanwhile
            continue
        decided += 1
    return f"decided {decided} observations"
