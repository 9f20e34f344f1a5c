"""The registry that knows a fleet."""

from datetime import UTC, datetime

from stillcold_core.evidence.keys import format_public_key
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_sim.fleet.gateway import key_of
from stillcold_sim.fleet.model import FleetFile
from stillcold_sim.fleet.readings import LINE_POWER, is_live

_SEALED = datetime(2026, 1, 1, tzinfo=UTC)


def registry_of(fleet: FleetFile) -> Registry:
    """Sites, lines, points and public keys of a fleet, one site a gateway, for ``stillcold-server registry import``."""
    places = [(i, p) for i in range(fleet.gateways) for p in range(fleet.points)]
    return Registry(
        site=tuple(Site(fleet.gateway_id(i), f"Simulated plant {i + 1}") for i in range(fleet.gateways)),
        line=tuple(_line(fleet, i, p) for i, p in places),
        gateway=tuple(
            Gateway(fleet.gateway_id(i), format_public_key(key_of(fleet, i).public_key()), fleet.gateway_id(i))
            for i in range(fleet.gateways)
        ),
        point=tuple(
            Point(fleet.point_id(i, p), fleet.line_id(i, p), "feeder", gateway=fleet.gateway_id(i)) for i, p in places
        ),
    )


def _line(fleet: FleetFile, index: int, point: int) -> Line:
    name = f"Simulated line {index + 1}.{point + 1}"
    if is_live(fleet, index, point):
        return Line(fleet.line_id(index, point), fleet.gateway_id(index), name, "permitted", LINE_POWER)
    return Line(
        fleet.line_id(index, point), fleet.gateway_id(index), name, "sealed", LINE_POWER,
        sealed_at=_SEALED, measures=("sealed",),
    )  # fmt: skip
