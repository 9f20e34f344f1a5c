"""Sites, lines, points and gateways, and what is proved of them now."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import cbor2
from sqlalchemy import Connection, Row, Select, case, func, select

from stillcold_core.detect.deadline import current_of, power_of, voltage_of
from stillcold_core.readings import Sample
from stillcold_server.alerts.lifecycle import OPEN
from stillcold_server.api.models.registry import District, Enterprise, Gateway, Latest, Line, Point, Site
from stillcold_server.people.scope import Scope
from stillcold_server.store import schema

_TOO_OLD = 3.0  # usual intervals between samples
_LEAST_TOO_OLD = 15.0  # s; what is on the way for less is no silence
_ELECTRICAL = ("feeder", "incomer")
_LAST_TIME, _LAST = 6, 7  # places in a rollup's statistics


def list_districts(connection: Connection, scope: Scope) -> list[District]:
    """All districts."""
    rows = connection.execute(
        select(schema.district).where(scope.district(schema.district.c.id)).order_by(schema.district.c.id)
    )
    return [District(**row._mapping) for row in rows]


def list_enterprises(connection: Connection, scope: Scope) -> list[Enterprise]:
    """All enterprises."""
    e = schema.enterprise
    rows = connection.execute(select(e).where(scope.enterprise(e.c.id)).order_by(e.c.id))
    return [Enterprise(**row._mapping) for row in rows]


def list_sites(connection: Connection, scope: Scope) -> list[Site]:
    """All sites."""
    s = schema.site
    rows = connection.execute(select(s).where(scope.district(s.c.district)).order_by(s.c.id))
    return [Site(**row._mapping) for row in rows]


def list_lines(
    connection: Connection, now: int, scope: Scope, *, site: str | None = None, line: str | None = None
) -> list[Line]:
    """Lines with what is proved of them at ``now`` (ms), by site and id."""
    n, s = schema.line, schema.site
    query = (
        select(n, s.c.name.label("site_name"), s.c.address.label("site_address"), *_status_columns(), _on_the_way())
        .join(s, s.c.id == n.c.site)
        .outerjoin(schema.line_status, schema.line_status.c.line == n.c.id)
        .where(scope.site(n.c.site))
        .order_by(n.c.site, n.c.id)
    )
    if site is not None:
        query = query.where(n.c.site == site)
    if line is not None:
        query = query.where(n.c.id == line)
    rows = connection.execute(query).all()
    latest = _latest(connection, line)
    alerts = _open_alerts(connection)
    return [_line(row, now, latest.get(row.id), alerts.get(row.id, 0)) for row in rows]


def list_points(
    connection: Connection, scope: Scope, *, line: str | None = None, point: str | None = None
) -> list[Point]:
    """Points by id."""
    p = schema.point
    query = select(p, _newest_sample()).where(scope.line(p.c.line)).order_by(p.c.id)
    if line is not None:
        query = query.where(p.c.line == line)
    if point is not None:
        query = query.where(p.c.id == point)
    return [Point(**row._mapping) for row in connection.execute(query)]


def list_gateways(connection: Connection, scope: Scope) -> list[Gateway]:
    """Gateways with their own word and their newest sample."""
    points: dict[str, list[Point]] = defaultdict(list)
    for point in list_points(connection, scope):
        if point.gateway is not None:
            points[point.gateway].append(point)
    g = schema.gateway
    rows = connection.execute(select(g).where(scope.site(g.c.site)).order_by(g.c.id))
    return [
        Gateway(
            id=row.id,
            site=row.site,
            status=row.status,
            status_at=row.status_at,
            sampled_at=max((p.sampled_at for p in points[row.id] if p.sampled_at is not None), default=None),
            points=[p.id for p in points[row.id]],
            report=row.report,
        )
        for row in rows
    ]


def is_silent(sampled_at: int | None, interval: float, on_the_way: float, now: int) -> bool:
    """Whether the newest sample is too old to say anything about now.

    Parameters
    ----------
    sampled_at, now : int
        ms
    interval : float
        s, usual between samples.
    on_the_way : float
        s that a sample may wait at its gateway for the batch to be closed; 0 of a gateway that says it is offline.

    Examples
    --------
    >>> is_silent(0, 1.0, 60.0, 75_000), is_silent(0, 1.0, 60.0, 75_001), is_silent(0, 1.0, 0.0, 15_001)
    (False, True, True)
    >>> is_silent(0, 60.0, 0.0, 180_000), is_silent(None, 1.0, 60.0, 0)
    (False, True)
    """
    return sampled_at is None or now - sampled_at > 1000 * (on_the_way + max(_TOO_OLD * interval, _LEAST_TOO_OLD))


def _status_columns() -> list[Any]:
    t = schema.line_status.c
    return [t.condition, t.since, t.sampled_at, t.interval, t.dead_s, t.live_s, t.unknown_s]


def _on_the_way() -> Any:
    """The longest that samples of a line wait at its gateways."""
    g, p = schema.gateway, schema.point
    wait = case((g.c.status == "offline", 0.0), else_=g.c.heartbeat)
    gateways = select(func.max(wait)).join(p, p.c.gateway == g.c.id).where(p.c.line == schema.line.c.id)
    return gateways.scalar_subquery().label("on_the_way")


def _line(row: Row[Any], now: int, latest: Latest | None, open_alerts: int) -> Line:
    fields = dict(row._mapping)
    interval = fields.pop("interval") or 0.0
    silent = is_silent(row.sampled_at, interval, fields.pop("on_the_way") or 0.0, now)
    dead, live = row.dead_s or 0.0, row.live_s or 0.0
    # Detection counts a period when the sample that ends it has come; a silence that lasts has none.
    unknown = (row.unknown_s or 0.0) + ((now - row.sampled_at) / 1000 if silent and row.sampled_at is not None else 0.0)
    total = dead + live + unknown
    fields |= {
        "condition": "unknown" if silent else row.condition,
        "since": row.sampled_at if silent and row.condition != "unknown" else row.since,
        "coverage": (dead + live) / total if total else None,
        "dead_s": dead, "live_s": live, "unknown_s": unknown, "latest": latest, "open_alerts": open_alerts,
    }  # fmt: skip
    return Line(**fields)


def _newest_sample() -> Any:
    bp = schema.batch_point
    newest = select(func.max(bp.c.last)).where(bp.c.point == schema.point.c.id)
    return newest.scalar_subquery().label("sampled_at")


def _latest(connection: Connection, line: str | None) -> dict[str, Latest]:
    """The newest reading of every line, from the newest minute of each of its electrical points."""
    r, p = schema.rollup, schema.point
    newest = select(r.c.columns).where(r.c.point == p.c.id, r.c.resolution == 60).order_by(r.c.start.desc()).limit(1)
    query: Select[Any] = select(p.c.line, newest.scalar_subquery().label("columns")).where(p.c.role.in_(_ELECTRICAL))
    if line is not None:
        query = query.where(p.c.line == line)
    found: dict[str, list[Latest]] = defaultdict(list)
    for row in connection.execute(query):
        if row.columns is not None:
            found[row.line].append(_largest(cbor2.loads(row.columns)))
    return {name: _together(readings) for name, readings in found.items()}


def _largest(columns: Mapping[str, list[float]]) -> Latest:
    at = max(stats[_LAST_TIME] for stats in columns.values())
    # A quantity that was not read at the newest moment is missing there.
    values = {name: stats[_LAST] for name, stats in columns.items() if stats[_LAST_TIME] == at}
    sample = Sample("", at / 1000, values)
    return Latest(at=round(at), voltage=voltage_of(sample), current=current_of(sample), power=power_of(sample))


def _together(readings: Iterable[Latest]) -> Latest:
    readings = list(readings)

    def largest(of: str) -> float | None:
        return max((v for r in readings if (v := getattr(r, of)) is not None), default=None)

    return Latest(
        at=min(r.at for r in readings), voltage=largest("voltage"), current=largest("current"), power=largest("power")
    )


def _open_alerts(connection: Connection) -> dict[str, int]:
    a = schema.alert
    rows = connection.execute(select(a.c.line, func.count()).where(a.c.state.in_(OPEN)).group_by(a.c.line))
    return {row[0]: row[1] for row in rows}
