"""Points that tell nothing while their gateway goes on speaking: only absences, or nothing at all.

Only times of samples are compared, those of the point with those of its gateway. So a backlog that comes late, or a
gateway whose clock is wrong, makes no point silent.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

import cbor2
import msgspec
from sqlalchemy import Connection, Row, func, select

from stillcold_core.detect.cadence import GAP
from stillcold_core.detect.findings import Finding, iso
from stillcold_server.alerts.lifecycle import going_on
from stillcold_server.followers import lag
from stillcold_server.jobs.each import Each
from stillcold_server.store.schema import batch_point, line, point, rollup

KIND = "silence.point"
LEAST = 300.0
"""s without a number before which no point is silent: a meter that starts anew takes a minute or two."""
_MINUTE = 60
_LAST_TIME = 6  # place in a rollup's statistics


def silences(connection: Connection, speaking: Collection[str], now: int, each: Each) -> Iterator[Finding]:
    """What began and what is over.

    Parameters
    ----------
    speaking : collection of str
        Gateways that are heard.
    now : int
        ms
    each : Each
        Takes note of points that cannot be judged.
    """
    if lag(connection, "rollup"):
        return  # what has come is not counted yet
    rows = [row for row in connection.execute(_newest()) if row.gateway in speaking]
    told: dict[str, int] = {}
    for row in rows:
        told[row.gateway] = max(told.get(row.gateway, 0), row.sampled_at or 0)
    open_ = {f.point: f for f in going_on(connection) if f.kind == KIND}
    for row in rows:
        with each.one(row.point):
            yield from _judged(connection, row, told[row.gateway], open_, now)


def _judged(
    connection: Connection, row: Row[Any], told: int, open_: Mapping[str, Finding], now: int
) -> Iterator[Finding]:
    finding = open_.get(row.point)
    if row.minute is None:
        return  # it has never told anything: it is not installed, or dead with its line
    if finding is not None and (row.minute + _MINUTE * 1000) <= finding.began * 1000:
        return
    if finding is None and told - row.minute - _MINUTE * 1000 <= LEAST * 1000:
        return
    numbers = _numbers(connection, row.point)
    if finding is not None:
        if numbers[-1] > round(finding.began * 1000):
            yield msgspec.structs.replace(finding, ended=numbers[-1] / 1000)
    elif told - numbers[-1] > 1000 * _patience(numbers):
        yield _silent(row, numbers[-1], told, now)


def _newest() -> Any:
    """By point: its newest sample, of whatever kind, and the newest minute in which it told a number."""
    sampled = select(func.max(batch_point.c.last)).where(batch_point.c.point == point.c.id).scalar_subquery()
    told = rollup.c.point == point.c.id, rollup.c.resolution == _MINUTE
    minute = select(func.max(rollup.c.start)).where(*told).scalar_subquery()
    return (
        select(
            line.c.site, point.c.line, point.c.id.label("point"), point.c.gateway, sampled.label("sampled_at"),
            minute.label("minute"),
        )
        .join_from(point, line, point.c.line == line.c.id)
        .where(point.c.gateway.is_not(None))
        .order_by(point.c.id)
    )  # fmt: skip


def _numbers(connection: Connection, name: str) -> list[int]:
    """ms of the last number in each of the last minutes that have any."""
    r = rollup.c
    query = select(r.columns).where(r.point == name, r.resolution == _MINUTE).order_by(r.start.desc()).limit(4)
    last = [max(s[_LAST_TIME] for s in cbor2.loads(columns).values()) for columns in connection.scalars(query)]
    return sorted(round(at) for at in last)


def _patience(numbers: list[int]) -> float:
    """s; of a point that is read more rarely than every two minutes, three of the longest of its last intervals."""
    longest = max((b - a for a, b in pairwise(numbers)), default=0) / 1000
    return max(GAP * longest if longest > 2 * _MINUTE else 0.0, LEAST)


def _silent(row: Row[Any], last: int, told: int, now: int) -> Finding:
    quiet = (told - last) / 1000
    still = "absences only" if (row.sampled_at or 0) > last else "no sample"
    reason = f"{still} of {row.point} since {iso(last / 1000)}, while {row.gateway} goes on"
    evidence = {"gateway": row.gateway, "quiet": quiet}
    return Finding(KIND, "warning", row.site, row.line, row.point, last / 1000, now / 1000, reason, evidence)
