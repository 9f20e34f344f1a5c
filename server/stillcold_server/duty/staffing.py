"""How many people were on duty in a period."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from stillcold_server.days import HOUR
from stillcold_server.duty.roster import LEVELS, Roster
from stillcold_server.duty.rosters import load_rosters, roster_of, turns_between
from stillcold_server.people.scope import Scope


def answering(connection: Connection, scope: Scope) -> list[Roster]:
    """The rosters that answer for some districts: a district's own, or the one of everything."""
    every = load_rosters(connection)
    if scope.districts is None:
        return every
    found = [roster_of(every, district) for district in scope.districts]
    return list({one.id: one for one in found if one is not None}.values())


def officer_hours(connection: Connection, rosters: Sequence[Roster], begins: int, ends: int) -> float:
    """Hours that people were on duty on some rosters between two times (ms), whoever is only called next left out.

    Somebody who is on duty on two rosters at once is one person.
    """
    on: dict[str, list[tuple[int, int]]] = {}
    for one in rosters:
        for turn in turns_between(connection, one, begins, ends):
            if turn.user is not None and turn.level == LEVELS[0]:
                on.setdefault(turn.user, []).append((max(turn.begins, begins), min(turn.ends, ends)))
    return sum(map(covered, on.values())) / HOUR


def covered(spans: Iterable[tuple[int, int]]) -> int:
    """Length of what some spans cover together.

    Examples
    --------
    >>> covered([(0, 10), (5, 12), (20, 21)])
    13
    """
    total, until = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, until))
        until = max(until, end)
    return total
