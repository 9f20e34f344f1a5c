"""What each detector watches, by the registry.

A line's restart detector judges all points of a line; one that is permitted may run, so only its presence is kept and
nothing is told. Hidden furnaces are looked for on the feeders of permitted lines, and on a permitted incomer only where
its site has no such feeder: behind one, the same furnace would be said twice, and what passes the feeders by is missing
in the balance. On a sealed line the restart says it. Tampering is looked for at every electrical point, at every
site whose points can be compared, and among all points together.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stillcold_core.detect import furnace, restart
from stillcold_core.detect.catalogue import DETECTORS
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.detector import Detector, Scope
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.furnace import Feeder
from stillcold_core.detect.restart import SealedLine
from stillcold_core.detect.tamper import fleet, point, site
from stillcold_core.detect.tamper.fleet import Fleet
from stillcold_core.detect.tamper.watched import WatchedPoint
from stillcold_core.detect.tamper.watched_site import Metered, WatchedSite
from stillcold_core.registry import Line, Point, Registry

Key = tuple[str, str]
"""Name of the detector and id of its subject."""
WITHIN_SITES: tuple[Scope, ...] = ("line", "point", "site")
"""Scopes of the detectors that keep nothing beyond a site."""
AMONG_ALL: tuple[Scope, ...] = ("fleet",)
FLEET = "fleet"
"""Id of the one subject of the detectors that watch all points together."""
_ELECTRICAL = ("feeder", "incomer")


@dataclass(frozen=True, slots=True)
class Subject:
    """What one detector keeps one state for.

    Attributes
    ----------
    detector : Detector
    id : str
        Of the line, point or site; :data:`FLEET`.
    watched : object
        As the detector needs it.
    told : bool
        Whether its findings are told; else only its state is kept.
    """

    detector: Detector[Any, Any]
    id: str
    watched: Any
    told: bool = True
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.detector.name, self.id))


Subjects = Mapping[str, tuple[Subject, ...]]
"""By point: who judges its samples, in the order of the catalogue."""


def subjects_of(
    registry: Registry, *, sites: Collection[str] | None = None, scopes: Collection[Scope] = (*WITHIN_SITES, *AMONG_ALL)
) -> Subjects:
    """Who judges the samples of each point.

    Parameters
    ----------
    registry : Registry
        Sites, lines, points and permits.
    sites : collection of str, optional
        Only the points of these.
    scopes : collection of str
        Only detectors of these.
    """
    plants = _Plants(registry)
    found: dict[str, list[Subject]] = {}
    for detector in DETECTORS:
        if detector.scope in scopes:
            for name, subject in _WATCH[detector.name](plants):
                if sites is None or plants.site_of(name) in sites:
                    found.setdefault(name, []).append(subject)
    return {name: tuple(subjects) for name, subjects in found.items()}


def said_by(finding: Finding) -> Key:
    """Which subject's detector says what is found; a clone no detector says, but ingest, nor a silence."""
    family = finding.kind.split(".", maxsplit=1)[0]
    if family == "tamper":
        among = {
            "tamper.balance": (site.DETECTOR.name, finding.site),
            "tamper.genset": (fleet.DETECTOR.name, FLEET),
            "tamper.clone": ("ingest", finding.site),
        }
        return among.get(finding.kind, (point.DETECTOR.name, finding.point))
    if family in ("silence", "quality"):
        return family, finding.point
    if family == "furnace":
        return furnace.DETECTOR.name, finding.point
    return restart.DETECTOR.name, finding.line


class _Plants:
    """A registry, looked at by ids."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.points = registry.point
        self.lines: dict[str, Line] = {line.id: line for line in registry.line}
        self._line = {p.id: self.lines[p.line] for p in registry.point}
        self.electrical = [p for p in registry.point if p.role in _ELECTRICAL]

    def line_of(self, point: Point) -> Line:
        return self._line[point.id]

    def site_of(self, point: str) -> str:
        return self._line[point].site

    def metered(self, site: str, role: str) -> tuple[Metered, ...]:
        here = [p for p in self._by_site()[site] if p.role == role]
        return tuple(Metered(p.id, p.line, self.line_of(p).rated_power) for p in here)

    def _by_site(self) -> Mapping[str, list[Point]]:
        if not hasattr(self, "_sites"):
            self._sites: dict[str, list[Point]] = {s.id: [] for s in self.registry.site}
            for p in self.points:
                self._sites[self.site_of(p.id)].append(p)
        return self._sites


_Watch = Iterator[tuple[str, Subject]]


def _lines(plants: _Plants) -> _Watch:
    subjects = {
        line.id: Subject(restart.DETECTOR, line.id, sealed_line(line), line.state == "sealed")
        for line in plants.lines.values()
    }
    for p in plants.points:
        yield p.id, subjects[p.line]


def _furnaces(plants: _Plants) -> _Watch:
    permitted = [p for p in plants.electrical if plants.line_of(p).state == "permitted"]
    covered = {plants.site_of(p.id) for p in permitted if p.role == "feeder"}
    for p in permitted:
        line = plants.line_of(p)
        if p.role == "feeder" or line.site not in covered:
            yield p.id, Subject(furnace.DETECTOR, p.id, Feeder(line.site, line.id, p.id))


def _tampered(plants: _Plants) -> _Watch:
    reported: dict[str, list[tuple[float, float]]] = {}
    for permit in (p for p in plants.registry.permit if p.is_work):
        reported.setdefault(permit.line, []).append((permit.start.timestamp(), permit.end.timestamp()))
    for p in plants.electrical:
        line = plants.line_of(p)
        periods = tuple(reported.get(line.id, ()))
        watched = WatchedPoint(line.site, line.id, line.rated_power, line.nominal_voltage, reported=periods)
        yield p.id, Subject(point.DETECTOR, p.id, watched)


def _sites(plants: _Plants) -> _Watch:
    for place in plants.registry.site:
        incomers, feeders, waters = (plants.metered(place.id, role) for role in ("incomer", "feeder", "water"))
        watched = WatchedSite(place.id, incomers, feeders, waters)
        if feeders and (incomers or waters):
            subject = Subject(site.DETECTOR, place.id, watched)
            yield from ((name, subject) for name in watched.points)


def _fleet(plants: _Plants) -> _Watch:
    everybody = Fleet({p.id: (plants.site_of(p.id), p.line) for p in plants.electrical})
    subject = Subject(fleet.DETECTOR, FLEET, everybody)
    yield from ((p.id, subject) for p in plants.electrical)


_WATCH: Mapping[str, Callable[[_Plants], _Watch]] = {
    restart.DETECTOR.name: _lines,
    furnace.DETECTOR.name: _furnaces,
    point.DETECTOR.name: _tampered,
    site.DETECTOR.name: _sites,
    fleet.DETECTOR.name: _fleet,
}


def sealed_line(line: Line) -> SealedLine:
    """A line of the registry as the restart detector needs it."""
    cut = "power_cut" in line.measures, "water_cut" in line.measures
    limits = DeadLineLimits(line.rated_power, line.nominal_voltage, *cut)
    since = line.sealed_at.timestamp() if line.sealed_at and line.state == "sealed" else 0.0
    return SealedLine(line.site, line.id, limits, since)
