"""Sites, lines, points, gateways and series."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Query

from stillcold_core.quantities import QUANTITIES
from stillcold_server.api.guard import InScope, Watcher
from stillcold_server.api.models.registry import (
    Absent,
    Column,
    District,
    Enterprise,
    Gateway,
    Line,
    Point,
    Series,
    Site,
)
from stillcold_server.api.moments import Moment
from stillcold_server.api.problems import Problem, not_found
from stillcold_server.api.read.lines import (
    list_districts,
    list_enterprises,
    list_gateways,
    list_lines,
    list_points,
    list_sites,
)
from stillcold_server.api.routes.parameters import IdInPath, IdInQuery
from stillcold_server.api.services import Served
from stillcold_server.days import HOUR
from stillcold_server.store import series as store
from stillcold_server.store.database import read

router = APIRouter(tags=["ledger"])


@router.get("/districts")
def districts(services: Served, _: Watcher, scope: InScope) -> list[District]:
    """All districts."""
    with read(services.engine) as connection:
        return list_districts(connection, scope)


@router.get("/enterprises")
def enterprises(services: Served, _: Watcher, scope: InScope) -> list[Enterprise]:
    """All enterprises."""
    with read(services.engine) as connection:
        return list_enterprises(connection, scope)


@router.get("/sites")
def sites(services: Served, _: Watcher, scope: InScope) -> list[Site]:
    """All sites."""
    with read(services.engine) as connection:
        return list_sites(connection, scope)


@router.get("/lines")
def lines(services: Served, _: Watcher, scope: InScope, site: IdInQuery = None) -> list[Line]:
    """Lines with condition, coverage and newest values."""
    with read(services.engine) as connection:
        return list_lines(connection, services.now(), scope, site=site)


@router.get("/lines/{id}")
def line(services: Served, who: Watcher, id: IdInPath) -> Line:  # noqa: A002  # the name in the path
    """One line."""
    with read(services.engine) as connection:
        found = list_lines(connection, services.now(), who.scope, line=id)
    if not found:
        raise not_found("line", id)
    return found[0]


@router.get("/points")
def points(services: Served, _: Watcher, scope: InScope, line: IdInQuery = None) -> list[Point]:
    """Points with the time of their newest sample."""
    with read(services.engine) as connection:
        return list_points(connection, scope, line=line)


@router.get("/gateways")
def gateways(services: Served, _: Watcher, scope: InScope) -> list[Gateway]:
    """Gateways with status and newest sample."""
    with read(services.engine) as connection:
        return list_gateways(connection, scope)


@router.get("/points/{id}/series")
def series(
    services: Served,
    who: Watcher,
    id: IdInPath,  # noqa: A002  # the name in the path
    quantity: Annotated[list[str], Query(min_length=1, max_length=50)],
    start: Annotated[Moment | None, Query(alias="from")] = None,
    end: Annotated[Moment | None, Query(alias="to")] = None,
    max_points: Annotated[int, Query(ge=10, le=5000)] = 1000,
) -> Series:
    """Values of a point; by default those of the last hour. Where there are more than ``max_points``, periods."""
    for name in quantity:
        if name not in QUANTITIES:
            raise Problem(422, "invalid", "expected names of the vocabulary, e.g. active_power", field="quantity")
    last = services.now() if end is None else end
    first = last - HOUR if start is None else start
    if first >= last:
        raise Problem(422, "invalid", "must be earlier than `to`", field="from")
    with read(services.engine) as connection:
        if not list_points(connection, who.scope, point=id):
            raise not_found("point", id)
        found = store.read_series(connection, id, list(dict.fromkeys(quantity)), first, last, max_points)
    return series_answer(id, first, last, found)


def series_answer(point: str, start: int, end: int, found: store.Series) -> Series:
    """A stored series as the API shows it."""
    periods = found.resolution > 0
    return Series(
        point=point,
        start=start,
        end=end,
        resolution=found.resolution,
        times=found.times.tolist(),
        columns={
            name: Column(
                unit=QUANTITIES[name].unit,
                values=_numbers(values),
                low=_numbers(found.low[name]) if periods else None,
                high=_numbers(found.high[name]) if periods else None,
            )
            for name, values in found.columns.items()
        },
        absent=[Absent(start=a.start, end=a.end, cause=a.cause) for a in found.absent],
    )


def _numbers(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [None if v != v else v for v in values.tolist()]  # noqa: PLR0124  # NaN
