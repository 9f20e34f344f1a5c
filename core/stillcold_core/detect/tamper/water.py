"""Cooling water as a witness: it runs, and the line's feeders show nothing."""

from collections.abc import Mapping, Sequence

import msgspec

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.tamper.edges import GRID, Edges, advanced
from stillcold_core.detect.tamper.watched_site import Metered, WatchedSite

_HOUR = 12  # edges


class Dry(msgspec.Struct, frozen=True):
    """Water without power.

    Attributes
    ----------
    judged : int
        Number of the edge up to which it was compared, hour by hour.
    since : int, optional
        Number of the edge since which water has run and the feeders have shown nothing.
    told : bool
        Whether that was told.
    """

    judged: int = 0
    since: int | None = None
    told: bool = False


def observe(
    watched: WatchedSite, state: Mapping[str, Dry], points: Mapping[str, Edges]
) -> tuple[Mapping[str, Dry], list[Finding]]:
    """Judge the hours that have become complete."""
    findings: list[Finding] = []
    for meter in watched.water:
        feeders = [m for m in watched.feeders if m.line == meter.line]
        if not feeders or any(m.point not in points for m in (meter, *feeders)):
            continue
        before = state.get(meter.point, Dry())
        last = min(max(points[m.point].at, default=0) for m in (meter, *feeders)) // _HOUR * _HOUR
        if last > before.judged:
            after, said = _judge(watched, before, meter, feeders, points, last)
            state, findings = {**state, meter.point: after}, findings + said
    return state, findings


def _judge(
    watched: WatchedSite,
    before: Dry,
    meter: Metered,
    feeders: Sequence[Metered],
    points: Mapping[str, Edges],
    last: int,
) -> tuple[Dry, list[Finding]]:
    """An hour in which a point was not read says nothing."""
    first = last - _HOUR
    ran = advanced(points[meter.point], first, last)
    took = [advanced(points[m.point], first, last) for m in feeders]
    if ran is None or None in took:
        return Dry(last, before.since, before.told), []
    share = max((t or 0.0) * 3600 / (_HOUR * GRID) / m.rated_power for t, m in zip(took, feeders, strict=True))
    if ran * 3600 / (_HOUR * GRID) < watched.rules.water or share >= watched.rules.idle:
        over = [_finding(watched, meter, before, last, ran, share, ended=first * GRID)] if before.told else []
        return Dry(last), over
    since = first if before.since is None else before.since
    long = (last - since) * GRID >= watched.rules.run_on
    after = Dry(last, since, long)
    return after, [_finding(watched, meter, after, last, ran, share)] if long and not before.told else []


def _finding(
    watched: WatchedSite, meter: Metered, dry: Dry, last: int, ran: float, share: float, ended: float | None = None
) -> Finding:
    began = (dry.since or 0) * GRID
    reason = f"{ran:.1f} m³ of water in an hour, since {iso(began)}, and the line's feeders show nothing"
    evidence = {"water_volume": ran, "hours": last * GRID / 3600 - began / 3600, "share_of_rated": share}
    return Finding(
        "tamper.balance", "warning", watched.site, meter.line, meter.point, began, last * GRID, reason, evidence, ended
    )
