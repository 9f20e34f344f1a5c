"""Which curves tell of an alert or of a line: panels one above the other, over a period."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select

from stillcold_core.quantities import PHASES
from stillcold_server.api.models.alerts import Alert
from stillcold_server.api.models.registry import Point
from stillcold_server.console.heats import Heat, heats_of
from stillcold_server.people.scope import Scope
from stillcold_server.store import schema

_RESTART = (600_000, 600_000)  # ms before and after an event
_LONG = (3_600_000, 1_800_000)  # where what happened takes its time
_ELECTRICAL = ("feeder", "incomer")
_CONTACTS = ("seal_closed", "door_closed", "breaker_closed")
_INKS = ("l1", "l2", "l3")
_OTHERS = 3  # points whose frequency is shown beside the one that differs


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity of one point; ``name`` is shown as it is, or by the key of a word of the charts."""

    point: str
    quantity: str
    name: str
    ink: str = "ink"


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves over one axis.

    Attributes
    ----------
    title : str
        Key of its word.
    curves : sequence of Curve
    factor : float
        From the vocabulary's unit to the one that the title names.
    limit : float, optional
        In the vocabulary's unit.
    from_zero : bool
        Whether the axis begins at 0.
    steps : bool
        Whether a value holds until the next.
    """

    title: str
    curves: Sequence[Curve]
    factor: float = 1.0
    limit: float | None = None
    from_zero: bool = True
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels over one period.

    Attributes
    ----------
    start, end : int
        ms; an ``end`` of 0 stands for now, and ``start`` then counts back from it.
    marks : dict of str to int or None
        ms by the key of the word that is written there.
    areas : sequence of (int, int)
        ms, shaded and numbered.
    fitted : bool
        Whether it may be cut to the time in which something was read.
    """

    start: int
    end: int
    panels: Sequence[Panel]
    marks: dict[str, int | None] = field(default_factory=dict)
    areas: Sequence[tuple[int, int]] = ()
    fitted: bool = True

    def spec(self) -> dict[str, Any]:
        """For the script that draws it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A point with its place, as other points of the site or the fleet need it."""

    point: str
    role: str
    site: str
    line: str
    line_name: str


def neighbours(connection: Connection, scope: Scope) -> list[Neighbour]:
    """All points there with the site and the name of their line."""
    p, n = schema.point.c, schema.line.c
    rows = connection.execute(
        select(p.id, p.role, n.site, n.id, n.name)
        .join(schema.line, n.id == p.line)
        .where(scope.site(n.site))
        .order_by(n.site, p.role.desc(), p.id)
    )
    return [Neighbour(*row) for row in rows]


def chart_of_alert(alert: Alert, points: Iterable[Neighbour], around: int | None = None) -> Chart:
    """What an alert is about, around its time; ``around`` is ms before and after it."""
    heats = heats_of(alert.evidence)
    before, after = _RESTART if alert.kind.startswith("restart.") else _LONG
    if around is not None:
        before = after = around
    last = max([alert.detected, *(h.ended for h in heats)])
    marks = {"began": alert.began, "detected": alert.detected, "ended": alert.ended}
    return Chart(
        alert.began - before, last + after, panels_of(alert, list(points)), marks, areas(heats), around is None
    )


def chart_of_point(point: Point, hours: float, heats: Iterable[Heat] = ()) -> Chart:
    """The last hours of a point."""
    return Chart(-round(hours * 3_600_000), 0, _usual(point.id, point.role), areas=areas(heats))


def areas(heats: Iterable[Heat]) -> list[tuple[int, int]]:
    """Where heats are shaded."""
    return [(h.began, h.ended) for h in heats]


def panels_of(alert: Alert, points: Sequence[Neighbour]) -> list[Panel]:
    """The quantities that an alert is about."""
    at = alert.point
    if alert.kind == "tamper.balance":
        return _balance(alert, [p for p in points if p.site == alert.site])
    if alert.kind == "tamper.genset":
        others = [p.point for p in points if p.site != alert.site and p.role in _ELECTRICAL]
        return [_frequencies(at, others[:_OTHERS]), _power(at)]
    if alert.kind in _PANELS:
        return [make(at) for make in _PANELS[alert.kind]]
    here = next((p for p in points if p.point == at), None)
    role = here.role if here else "feeder"
    own = [_limited(panel, alert) for panel in _usual(at, role)]
    if not here or not alert.kind.startswith("restart."):
        return own
    witnesses = [p for p in points if p.line == here.line and p.point != at]
    return [*own, *_further(at, role), *(panel for p in witnesses for panel in _usual(p.point, p.role))]


def _balance(alert: Alert, points: Sequence[Neighbour]) -> list[Panel]:
    feeders = [p for p in points if p.role == "feeder"]
    if "water_volume" in alert.evidence:
        return [*_usual(alert.point, "water"), _together(feeders)]
    return [_together([p for p in points if p.role in _ELECTRICAL])]


def _together(points: Sequence[Neighbour]) -> Panel:
    feeders = [p.point for p in points if p.role == "feeder"]
    inks = {p: _INKS[i % len(_INKS)] for i, p in enumerate(feeders)}
    names = [p.line_name for p in points]
    curves = [
        Curve(p.point, "active_power", _place(p, names.count(p.line_name) == 1), inks.get(p.point, "ink"))
        for p in points
    ]
    return Panel("power", curves, 1e-3)


def _place(point: Neighbour, alone: bool) -> str:
    return point.line_name if alone else f"{point.line_name} {point.point}"


def _usual(point: str, role: str) -> list[Panel]:
    if role == "water":
        return [_one("flow", "water_flow", point), _near(_one("volume", "water_volume", point))]
    if role == "contacts":
        curves = [Curve(point, q, q, ink) for q, ink in zip(_CONTACTS, _INKS, strict=True)]
        return [Panel("contacts", curves, steps=True)]
    return [_currents(point), _voltages(point), _power(point)]


def _further(point: str, role: str) -> list[Panel]:
    """What else a meter tells of a line that should be dead."""
    return [_distortions(point), _register(point)] if role in _ELECTRICAL else []


def _limited(panel: Panel, alert: Alert) -> Panel:
    limit = alert.evidence.get("limit")
    if alert.kind != f"restart.{panel.title}" or not isinstance(limit, int | float):
        return panel
    return replace(panel, limit=limit)


def _near(panel: Panel) -> Panel:
    return replace(panel, from_zero=False)


def _one(title: str, quantity: str, point: str, factor: float = 1.0) -> Panel:
    return Panel(title, [Curve(point, quantity, title)], factor)


def _power(point: str) -> Panel:
    return Panel("power", [Curve(point, "active_power", "total")], 1e-3)


def _phases(title: str, quantity: str, point: str, *, factor: float = 1.0) -> Panel:
    return Panel(title, [Curve(point, f"{quantity}_{phase}", phase, phase) for phase in PHASES], factor)


def _frequencies(point: str, others: Sequence[str]) -> Panel:
    curves = [Curve(p, "frequency", p, ink) for p, ink in zip((point, *others), ("ink", *_INKS), strict=False)]
    return Panel("frequency", curves, from_zero=False)


def _register(point: str) -> Panel:
    return replace(_near(_one("energy", "active_energy_import", point, 1e-3)), steps=True)


def _currents(point: str) -> Panel:
    return _phases("current", "current", point)


def _voltages(point: str) -> Panel:
    return _phases("voltage", "voltage", point)


def _powers(point: str) -> Panel:
    return _phases("powers", "active_power", point, factor=1e-3)


def _distortions(point: str) -> Panel:
    return _phases("thd", "current_thd", point)


_REPEATED = (lambda point: _near(_voltages(point)), lambda point: _frequencies(point, ()))
_PANELS: Mapping[str, Sequence[Callable[[str], Panel]]] = {
    "furnace.induction": (_power, _distortions),
    "furnace.line_frequency": (_power, _powers),
    "tamper.frozen": _REPEATED,
    "tamper.replay": _REPEATED,
    "tamper.rollback": (_register, _power),
    "tamper.meter_changed": (_register, _power),
    "tamper.ratio": (_register, _power),
    "tamper.ct": (_currents, _voltages, _powers),
}
