"""Every sealed line's days, once they are over; again, where batches of a day have come later."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sqlalchemy import Connection, Engine, select

from stillcold_core.proof.day import LEAD, TAIL
from stillcold_server.days import DAY, HOUR, begin_of, day_of, days_from
from stillcold_server.evidence.key import Signer
from stillcold_server.jobs.each import Each
from stillcold_server.store.database import insert_missing, read, upsert, write
from stillcold_server.store.schema import batch_point, cursor, line, point, statement
from stillcold_server.verification.attestation import drafts_of, is_sealed
from stillcold_server.verification.statements import issue
from stillcold_server.verification.subject import find_watched, newest_batch

log = logging.getLogger(__name__)
DAYS = 31
"""Days back that are stated where nobody has yet."""
_CURSOR = "attestation"
_SHANGHAI = 8 * HOUR
_TOGETHER = 20  # lines whose batches are decoded at once


def attest(engine: Engine, signer: Signer, now: int) -> int:
    """State what is to be stated at ``now`` (ms); the number of statements that count newly.

    A day in which batches have come since it was stated is looked at again, however old it is. What
    breaks off is gone on with the next time.

    Raises
    ------
    SomeFailed
        At the end, where lines cannot be stated; all others are.
    """
    each = Each("stating days")
    yesterday = day_of(now) - timedelta(days=1)
    with read(engine) as connection:
        covers = newest_batch(connection)
        wanted = _missing(connection, yesterday, each)
        for day, lines in _late(connection, begin_of(yesterday) + DAY).items():
            wanted[day] |= lines
        sites = _by_site(connection)
    made = 0
    began = time.monotonic()
    for day in sorted(wanted):
        for group in _groups(sites, wanted[day]):
            made += _state_each(engine, signer, group, day, now, each)
    with write(engine) as connection:  # from the first time on, as what nobody has stated is missing anyway
        insert_missing(connection, cursor, [{"name": _CURSOR, "position": covers}])
    each.end()  # what has come late is looked at again then
    with write(engine) as connection:
        upsert(connection, cursor, [{"name": _CURSOR, "position": covers}])
    log.info("stated %d days of lines in %.1f s", made, time.monotonic() - began)
    return made


def _state_each(engine: Engine, signer: Signer, lines: Sequence[str], day: date, now: int, each: Each) -> int:
    """State a day of lines together; where one fails, of each by itself."""
    try:
        return _state(engine, signer, lines, day, now)
    except Exception:
        log.exception("%d lines cannot be stated together: each by itself", len(lines))
        made = 0
        for name in lines:
            with each.one(f"{name} {day}"):
                made += _state(engine, signer, [name], day, now)
        return made


def _state(engine: Engine, signer: Signer, lines: Sequence[str], day: date, now: int) -> int:
    with read(engine) as connection:
        found = [w for w in (find_watched(connection, name) for name in lines) if w is not None]
        drafts = drafts_of(connection, found, day)
    with write(engine) as connection:  # nothing is worked out in here: ingest waits for it
        made = [issue(connection, signer, draft, now) for draft in drafts]
    return sum(s.made_at == now for s in made)


def _missing(connection: Connection, yesterday: date, each: Each) -> defaultdict[date, set[str]]:
    """By day, the sealed lines of which nothing is stated."""
    days = days_from(yesterday - timedelta(days=DAYS - 1), yesterday)
    first, s = begin_of(days[0]), statement.c
    rows = connection.execute(select(s.line, s.from_at).where(s.kind == "day", s.from_at >= first))
    stated = {(row.line, row.from_at) for row in rows}
    wanted: defaultdict[date, set[str]] = defaultdict(set)
    for name in connection.scalars(select(line.c.id).where(line.c.state == "sealed")):
        with each.one(name):
            watched, earliest = find_watched(connection, name), _earliest(connection, name)
            if watched is None or earliest is None:
                continue
            for day in days:
                begin = begin_of(day)
                if earliest < begin + DAY and is_sealed(watched, begin + DAY) and (name, begin) not in stated:
                    wanted[day].add(name)
    return wanted


def _earliest(connection: Connection, name: str) -> int | None:
    """ms of a line's first sample: before it nobody had looked, and there is nothing to state."""
    firsts = (
        connection.scalar(
            select(batch_point.c.first).where(batch_point.c.point == p).order_by(batch_point.c.last).limit(1)
        )
        for p in connection.scalars(select(point.c.id).where(point.c.line == name)).all()
    )
    return min((f for f in firsts if f is not None), default=None)


def _late(connection: Connection, before: int) -> dict[date, set[str]]:
    """By day, the lines of whose samples before a moment more have come since the last time."""
    p = batch_point.c
    position = connection.scalar(select(cursor.c.position).where(cursor.c.name == _CURSOR))
    found: dict[date, set[str]] = defaultdict(set)
    if position is None:
        return found
    for edge in (p.first, p.last, p.first - TAIL, p.last + LEAD):
        number = ((edge + _SHANGHAI) // DAY).label("number")
        query = select(point.c.line, number).join(point, point.c.id == p.point).distinct()
        for row in connection.execute(query.where(p.batch > position, edge < before)):
            found[day_of(row.number * DAY - _SHANGHAI)].add(row.line)
    return found


def _by_site(connection: Connection) -> dict[str, list[str]]:
    sites: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(select(line.c.site, line.c.id).where(line.c.state == "sealed").order_by(line.c.id)):
        sites[row.site].append(row.id)
    return sites


def _groups(sites: dict[str, list[str]], wanted: set[str]) -> Iterator[list[str]]:
    for names in sites.values():
        mine = [name for name in names if name in wanted]
        yield from (mine[i : i + _TOGETHER] for i in range(0, len(mine), _TOGETHER))
