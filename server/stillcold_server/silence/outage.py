"""Outages of the grid, which explain the silence of sites: by what was measured last, or how many fall silent at once.

Whoever pulls one plant's plugs must not pass for an outage. So the silence of one site alone never is one:

- *measured*: the last that every permitted feeder and incomer of the site showed was a dead voltage, and then its
  gateways fell silent. That can be arranged on site, so it explains a silence for two hours at most;
- *together*: at least three sites, and more than half of those of one district, fell silent within three minutes. It
  lasts until no more than half of them are silent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cbor2
import msgspec
from sqlalchemy import Connection, select

from stillcold_core.detect.deadline import DeadLineLimits, voltage_of
from stillcold_core.detect.findings import Finding, iso
from stillcold_core.readings import Sample
from stillcold_server.alerts.lifecycle import going_on
from stillcold_server.jobs.each import Each
from stillcold_server.registry.places import Place, places_of_sites
from stillcold_server.silence.gateways import Heard
from stillcold_server.store.schema import line, point, rollup, site

KIND = "quality.outage"
LEAST_SITES = 3
TOGETHER_MS = 180_000
"""Within which sites must have fallen silent to have done so at once: the longest usual heartbeat, three times."""
MEASURED_MS = 7_200_000
"""For which a measured outage explains a silence."""
_LAST_TIME, _LAST = 6, 7  # places in a rollup's statistics
_ELECTRICAL = ("feeder", "incomer")


@dataclass(frozen=True, slots=True)
class _Site:
    """A site with its gateways."""

    id: str
    district: str | None
    gateways: Sequence[Heard]

    @property
    def mute(self) -> bool:
        return all(g.mute for g in self.gateways)

    @property
    def heard(self) -> int:
        """ms"""
        return max(g.heard for g in self.gateways)


def outages(connection: Connection, gateways: Sequence[Heard], now: int, each: Each) -> Iterator[Finding]:
    """Outages that began, and those that are over; ``now`` in ms. ``each`` notes sites that cannot be judged."""
    sites = _sites(connection, gateways)
    together = {name for members in _districts(sites) for name in _at_once(members)}
    open_ = {f.site: f for f in going_on(connection) if f.kind == KIND}
    for name, finding in open_.items():
        if _over(finding, sites.get(name), sites, now):
            yield msgspec.structs.replace(finding, ended=now / 1000)
    places = places_of_sites(connection)
    for one in sites.values():
        if one.mute and one.id not in open_:
            with each.one(one.id):
                if one.id in together:
                    district = [s for s in sites.values() if s.district == one.district]
                    figures = {"silent_sites": sum(s.mute for s in district), "district_sites": len(district)}
                    yield _outage(places[one.id], one.heard, now, "many sites fell silent at once", figures)
                elif (last := _dead_since(connection, one)) is not None and now - one.heard < MEASURED_MS:
                    yield _outage(places[one.id], last[0], now, "a dead voltage was shown last", {"voltage": last[1]})


def _sites(connection: Connection, gateways: Sequence[Heard]) -> Mapping[str, _Site]:
    districts: dict[str, str | None] = {row.id: row.district for row in connection.execute(select(site))}
    found: dict[str, list[Heard]] = {}
    for one in gateways:
        found.setdefault(one.place.site, []).append(one)
    return {name: _Site(name, districts[name], members) for name, members in found.items()}


def _districts(sites: Mapping[str, _Site]) -> list[list[_Site]]:
    """Sites by district; those without one together."""
    found: dict[str | None, list[_Site]] = {}
    for one in sites.values():
        found.setdefault(one.district, []).append(one)
    return list(found.values())


def _at_once(sites: Sequence[_Site]) -> set[str]:
    """Sites of a district that fell silent together, the most of them that lie within the window."""
    mute = sorted((s for s in sites if s.mute), key=lambda s: s.heard)
    best: list[_Site] = []
    for i, first in enumerate(mute):
        within = [s for s in mute[i:] if s.heard - first.heard <= TOGETHER_MS]
        best = max(best, within, key=len)
    enough = len(best) >= LEAST_SITES and 2 * len(best) > len(sites)
    return {s.id for s in best} if enough else set()


def _over(finding: Finding, here: _Site | None, sites: Mapping[str, _Site], now: int) -> bool:
    if here is None or not here.mute:
        return True
    if "voltage" in finding.evidence:
        return now - finding.began * 1000 >= MEASURED_MS
    district = [s for s in sites.values() if s.district == here.district]
    return 2 * sum(s.mute for s in district) <= len(district)


def _dead_since(connection: Connection, here: _Site) -> tuple[int, float] | None:
    """When (ms) the last permitted point showed a dead voltage, and the highest (V); None where not all of them did."""
    query = select(point.c.id, line.c.rated_power, line.c.nominal_voltage).join(line, line.c.id == point.c.line)
    watched = query.where(line.c.site == here.id, line.c.state == "permitted", point.c.role.in_(_ELECTRICAL))
    shown = []
    for row in connection.execute(watched).all():
        at, voltage = _last_voltage(connection, row.id)
        dead = DeadLineLimits(row.rated_power, row.nominal_voltage).voltage_dead * row.nominal_voltage
        if voltage is None or voltage > dead or at < here.heard - TOGETHER_MS:
            return None
        shown.append((at, voltage))
    return (max(at for at, _ in shown), max(v for _, v in shown)) if shown else None


def _last_voltage(connection: Connection, name: str) -> tuple[int, float | None]:
    r = rollup.c
    query = select(r.columns).where(r.point == name, r.resolution == 60).order_by(r.start.desc()).limit(1)
    packed = connection.scalar(query)
    if packed is None:
        return 0, None
    columns: Mapping[str, Any] = cbor2.loads(packed)
    at = max(stats[_LAST_TIME] for stats in columns.values())
    values = {quantity: stats[_LAST] for quantity, stats in columns.items() if stats[_LAST_TIME] == at}
    return round(at), voltage_of(Sample(name, at / 1000, values))


def _outage(place: Place, began: int, now: int, why: str, figures: Mapping[str, float]) -> Finding:
    reason = f"outage of the grid at {place.site} since {iso(began / 1000)}: {why}"
    return Finding(KIND, "info", place.site, place.line, place.point, began / 1000, now / 1000, reason, figures)
