"""The check of silences: one job that looks at all of them, and then again at every alert that is hidden."""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, Engine

from stillcold_core.detect.findings import Finding
from stillcold_server.alerts.pipeline import Page, hidden, review, take
from stillcold_server.silence import gateways, outage, points
from stillcold_server.silence.listening import listening_since
from stillcold_server.store.database import read, write

_TOGETHER = 50
"""Alerts that are written in one transaction: whoever else writes waits for no more, be all sites silent."""
Look = Callable[[Connection, Sequence[gateways.Heard], int], Iterator[Finding]]


def look(engine: Engine, now: int, page: Page) -> str:
    """Tell who has fallen silent, and who is heard again; show what is hidden no longer.

    Doing it twice changes nothing: what is found has natural keys. While nobody listens, nobody is silent. Nothing is
    written where there is nothing to tell.

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
    with read(engine) as connection:
        since = listening_since(connection, now)
    # An outage is recorded before the silences that it explains are looked for.
    began = sum(_tell(engine, look_for, since, now, page) for look_for in _LOOKS) if since is not None else 0
    with read(engine) as connection:
        names = hidden(connection)
    shown = 0
    for i in range(0, len(names), _TOGETHER):
        with write(engine) as connection:
            shown += review(connection, names[i : i + _TOGETHER], now, page)
    return f"{'nobody listens' if since is None else f'{began} silences began'}, {shown} hidden alerts shown again"


def _tell(engine: Engine, look_for: Look, since: int, now: int, page: Page) -> int:
    with read(engine) as connection:
        found = list(look_for(connection, gateways.heard_gateways(connection, since, now), now))
    began = 0
    for i in range(0, len(found), _TOGETHER):
        with write(engine) as connection:
            began += sum(take(connection, f, now, page) is not None for f in found[i : i + _TOGETHER])
    return began


def _points(connection: Connection, heard: Sequence[gateways.Heard], now: int) -> Iterator[Finding]:
    return points.silences(connection, {g.id for g in heard if not g.mute}, now)


_LOOKS: Sequence[Look] = (outage.outages, gateways.silences, _points)
