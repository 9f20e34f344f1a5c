"""Key figures of the alarm system, after EEMUA 191 and ISA-18.2."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from stillcold_server.days import DAY, HOUR
from stillcold_server.people.scope import Scope
from stillcold_server.store.schema import alert

FLOOD_MS = 600_000
CHATTER_MS = 60_000
CHATTER = 3
"""Times that one alarm comes within a minute to be called chattering (ISA-TR18.2.5)."""
STALE_MS = DAY
"""An alarm that has stood for so long is stale (ISA-18.2)."""
_TOP = 10


class Alarm(NamedTuple):
    """What an officer takes for one alarm: a kind at a point of a line."""

    line: str
    point: str
    kind: str


@dataclass(frozen=True, slots=True)
class Offender:
    """An alarm with how often it was announced."""

    alarm: Alarm
    count: int


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of a period.

    Attributes
    ----------
    hours : float
        Length of the period.
    announced : int
        Alerts that officers were shown in it; what was hidden throughout is none.
    by_severity : mapping of str to int
    peak : int
        Most of them in any ten minutes.
    offenders : sequence of Offender
        The ten alarms that came most often.
    chattering : sequence of Offender
        Alarms that came three times within a minute, with the most times within one.
    acknowledged_p50, acknowledged_p90 : float or None
        s from the announcement until somebody took it up, by nearest rank; None where nobody took up any.
    standing, stale : int
        Alerts that are shown and go on now, and those of them that have for a day.
    """

    hours: float
    announced: int
    by_severity: dict[str, int]
    peak: int
    offenders: Sequence[Offender]
    chattering: Sequence[Offender]
    acknowledged_p50: float | None
    acknowledged_p90: float | None
    standing: int
    stale: int

    @property
    def per_hour(self) -> float:
        """Alerts announced an hour."""
        return self.announced / self.hours

    @property
    def share_of_top(self) -> float:
        """Share of the ten alarms that came most often in all; 0 where none came."""
        return sum(o.count for o in self.offenders) / self.announced if self.announced else 0.0


def measure(connection: Connection, scope: Scope, start: int, end: int, now: int) -> Performance:
    """The figures of some districts in a period; all times in ms."""
    a = alert.c
    query = select(a.line, a.point, a.kind, a.severity, a.announced_at, a.acknowledged_at)
    rows = connection.execute(
        query.where(a.announced_at.between(start, end), scope.site(a.site)).order_by(a.announced_at)
    ).all()
    times: dict[Alarm, list[int]] = {}
    for row in rows:
        times.setdefault(Alarm(row.line, row.point, row.kind), []).append(row.announced_at)
    waits = sorted((r.acknowledged_at - r.announced_at) / 1000 for r in rows if r.acknowledged_at is not None)
    chattering = {alarm: most_within(at, CHATTER_MS) for alarm, at in times.items()}
    return Performance(
        hours=(end - start) / HOUR,
        announced=len(rows),
        by_severity=dict(Counter(r.severity for r in rows)),
        peak=most_within([r.announced_at for r in rows], FLOOD_MS),
        offenders=_most({alarm: len(at) for alarm, at in times.items()})[:_TOP],
        chattering=_most({alarm: n for alarm, n in chattering.items() if n >= CHATTER}),
        acknowledged_p50=nearest_rank(waits, 0.5),
        acknowledged_p90=nearest_rank(waits, 0.9),
        standing=_standing(connection, scope, now),
        stale=_standing(connection, scope, now - STALE_MS),
    )


def most_within(times: Sequence[int], width: int) -> int:
    """Most of some times, in order, that lie within ``width`` of each other.

    Examples
    --------
    >>> most_within([0, 50, 99, 100, 300], 100), most_within([], 100)
    (3, 0)
    """
    most = first = 0
    for i, at in enumerate(times):
        while at - times[first] >= width:
            first += 1
        most = max(most, i - first + 1)
    return most


def nearest_rank(ordered: Sequence[float], share: float) -> float | None:
    """A percentile by nearest rank; None of nothing.

    Examples
    --------
    >>> nearest_rank([1.0, 2.0, 3.0, 10.0], 0.5), nearest_rank([1.0, 2.0, 3.0, 10.0], 0.9), nearest_rank([], 0.5)
    (2.0, 10.0, None)
    """
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


def _most(counts: dict[Alarm, int]) -> list[Offender]:
    return [Offender(alarm, n) for alarm, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _standing(connection: Connection, scope: Scope, since: int) -> int:
    """Alerts that are shown and go on, and have done so since a time."""
    a = alert.c
    here = a.state.in_(("unacknowledged", "acknowledged")) & (a.stage == "") & (a.announced_at <= since)
    return connection.scalar(select(func.count()).select_from(alert).where(here, scope.site(a.site))) or 0
