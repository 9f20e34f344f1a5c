"""What a line's water meters and contacts show now."""

from collections.abc import Mapping
from dataclasses import dataclass

import cbor2
from sqlalchemy import Connection, select

from stillcold_core.quantities import QUANTITIES, Kind
from stillcold_server.store import schema

_LAST_TIME, _LAST = 6, 7  # places in a rollup's statistics
_WITNESSES = ("water", "contacts")


@dataclass(frozen=True, slots=True)
class Witness:
    """A point that tells of a line without measuring its power.

    Attributes
    ----------
    point, role : str
    at : int or None
        ms of its newest values.
    values : mapping of str to float
        By quantity.
    """

    point: str
    role: str
    at: int | None
    values: Mapping[str, float]


def list_witnesses(connection: Connection, line: str) -> list[Witness]:
    """The water meters and contacts of a line with their newest values, from the newest minute of each."""
    r, p = schema.rollup.c, schema.point.c
    newest = select(r.columns).where(r.point == p.id, r.resolution == 60).order_by(r.start.desc()).limit(1)
    rows = connection.execute(
        select(p.id, p.role, newest.scalar_subquery().label("columns"))
        .where(p.line == line, p.role.in_(_WITNESSES))
        .order_by(p.role.desc(), p.id)
    )
    return [_witness(row.id, row.role, cbor2.loads(row.columns) if row.columns else {}) for row in rows]


def _witness(point: str, role: str, columns: Mapping[str, list[float]]) -> Witness:
    known = {name: stats for name, stats in columns.items() if name in QUANTITIES}
    at = max((round(stats[_LAST_TIME]) for stats in known.values()), default=None)
    return Witness(point, role, at, {name: stats[_LAST] for name, stats in known.items()})


def wrong(contact: str, value: float) -> bool:
    """Whether a contact of a sealed line is not as it was left: seal and door closed, breaker open.

    Examples
    --------
    >>> wrong("seal_closed", 1.0), wrong("breaker_closed", 1.0), wrong("water_flow", 0.0)
    (False, True, False)
    """
    return QUANTITIES[contact].kind is Kind.CONTACT and bool(value) == (contact == "breaker_closed")
