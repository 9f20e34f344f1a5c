"""The check of silences: one job that looks at all of them, and then again at every alert that is hidden."""

from collections.abc import Iterator
from itertools import chain

from sqlalchemy import Connection

from stillcold_core.detect.findings import Finding
from stillcold_server.alerts.pipeline import Page, review, take
from stillcold_server.silence import gateways, outage, points
from stillcold_server.silence.listening import listening_since


def look(connection: Connection, now: int, page: Page) -> str:
    """Tell who has fallen silent, and who is heard again; show what is hidden no longer.

    Doing it twice changes nothing: what is found has natural keys. While nobody listens, nobody is silent.

    Parameters
    ----------
    now : int
        ms
    page : callable
        Called for what officers must be told.

    Returns
    -------
    str
        What was done, in a line.
    """
    since = listening_since(connection, now)
    found = 0
    for finding in () if since is None else _found(connection, since, now):
        found += take(connection, finding, now, page) is not None
    shown = review(connection, now, page)
    return f"{'nobody listens' if since is None else f'{found} silences began'}, {shown} hidden alerts shown again"


def _found(connection: Connection, since: int, now: int) -> Iterator[Finding]:
    """Each is recorded before the next is looked for: an outage comes before the silences that it explains."""
    heard = gateways.heard_gateways(connection, since, now)
    speaking = {g.id for g in heard if not g.mute}
    return chain(
        outage.outages(connection, heard, now),
        gateways.silences(connection, heard, now),
        points.silences(connection, speaking, now),
    )
