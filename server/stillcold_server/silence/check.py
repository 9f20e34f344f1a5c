"""The check of silences: one job that looks at all of them, and then again at every alert that is hidden."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine

from stillcold_core.detect.findings import Finding
from stillcold_server.alerts.pipeline import Page, hidden, review, take
from stillcold_server.jobs.each import Each
from stillcold_server.silence import gateways, outage, points
from stillcold_server.silence.listening import listening_since
from stillcold_server.store.database import read

T = TypeVar("T")
_TOGETHER = 50
"""Alerts that are written in one transaction: whoever else writes waits for no more, be all sites silent."""
Look = Callable[[Connection, Sequence[gateways.Heard], int, Each], Iterator[Finding]]


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

    Raises
    ------
    SomeFailed
        At the end; what does not concern them is told.
    """
    each = Each("looking for silences")
    with read(engine) as connection:
        since = listening_since(connection, now)
    # An outage is recorded before the silences that it explains are looked for.
    began = sum(_tell(engine, look_for, since, now, page, each) for look_for in _LOOKS) if since is not None else 0
    with read(engine) as connection:
        names = hidden(connection)

    def show(connection: Connection, name: str) -> int:
        return review(connection, [name], now, page)

    shown = sum(each.together(engine, some, show, str) for some in _chunks(names))
    each.end()
    return f"{'nobody listens' if since is None else f'{began} silences began'}, {shown} hidden alerts shown again"


def _tell(engine: Engine, look_for: Look, since: int, now: int, page: Page, each: Each) -> int:
    found: list[Finding] = []
    with each.one(look_for.__name__), read(engine) as connection:
        found.extend(look_for(connection, gateways.heard_gateways(connection, since, now), now, each))

    def tell(connection: Connection, finding: Finding) -> int:
        return take(connection, finding, now, page) is not None

    return sum(each.together(engine, some, tell, lambda finding: finding.id) for some in _chunks(found))


def _chunks(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[i : i + _TOGETHER] for i in range(0, len(things), _TOGETHER))


def _gateways(connection: Connection, heard: Sequence[gateways.Heard], now: int, _each: Each) -> Iterator[Finding]:
    return gateways.silences(connection, heard, now)


def _points(connection: Connection, heard: Sequence[gateways.Heard], now: int, each: Each) -> Iterator[Finding]:
    return points.silences(connection, {g.id for g in heard if not g.mute}, now, each)


_LOOKS: Sequence[Look] = (outage.outages, _gateways, _points)
