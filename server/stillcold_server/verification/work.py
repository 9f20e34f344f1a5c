"""What is done at set times: observations are decided, days are stated."""

from contextlib import suppress

from stillcold_server.jobs.each import Each
from stillcold_server.jobs.model import JobContext
from stillcold_server.store.database import read, write
from stillcold_server.verification.attesting import attest
from stillcold_server.verification.procedure import Observation, Refused, decide, progress, running
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
    now, decided, each = context.now(), 0, Each("deciding observations")
    for one in _ready(context, now, each):
        with each.one(_named(one)), suppress(Refused):  # an inspector has ended it meanwhile
            with write(context.engine) as connection:
                decide(connection, signer_of(context.config), one.id, SYSTEM, now)
            decided += 1
    each.end()
    return f"decided {decided} observations"


def _ready(context: JobContext, now: int, each: Each) -> list[Observation]:
    found = []
    with read(context.engine) as connection:
        for one in running(connection):
            with each.one(_named(one)):
                if now >= one.end and progress(connection, one, now).ready:
                    found.append(one)
    return found


def _named(one: Observation) -> str:
    return f"{one.line} {one.id}"
