"""A line with its points, and what is stored of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from stillcold_core.contract.batch import Block, decode_batch
from stillcold_core.detect.restart import SealedLine
from stillcold_core.evidence.envelope import stored_payload
from stillcold_core.proof.day import Chains
from stillcold_core.proof.records import Origin, Record, record_of
from stillcold_core.registry import Line, Point, Registry
from stillcold_server.detection.bound import Bound
from stillcold_server.detection.subjects import sealed_line
from stillcold_server.followers import Stored
from stillcold_server.registry.ledger import find_line
from stillcold_server.store import schema

_TOGETHER = 200
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Watched:
    """A line and its points, as the registry has them now."""

    line: Line
    points: tuple[Point, ...]
    site_name: str
    site_address: str
    enterprise: str
    """Its name and credit code; empty where the registry has none."""

    @property
    def sealed(self) -> SealedLine:
        """As the detector needs it."""
        return sealed_line(self.line)

    @property
    def roles(self) -> dict[str, str]:
        """Of the points."""
        return {p.id: p.role for p in self.points}

    @property
    def named(self) -> dict[str, Any]:
        """As statements name it."""
        line = self.line
        return {
            "line": line.id, "line_name": line.name, "site": line.site, "site_name": self.site_name,
            "site_address": self.site_address, "enterprise": self.enterprise, "rated_power": line.rated_power,
            "nominal_voltage": line.nominal_voltage, "measures": list(line.measures),
        }  # fmt: skip


def find_watched(connection: Connection, line: str) -> Watched | None:
    """A line of the registry; None where there is none of this id."""
    found = find_line(connection, line)
    if found is None:
        return None
    s, p, e = schema.site.c, schema.point.c, schema.enterprise
    query = select(s.name, s.address, e.c.name.label("enterprise"), e.c.credit_code).outerjoin(
        e, e.c.id == s.enterprise
    )
    site = connection.execute(query.where(s.id == found.site)).one()
    rows = connection.execute(select(p.id, p.line, p.role, p.gateway).where(p.line == line).order_by(p.id))
    points = tuple(Point(r.id, r.line, r.role, r.gateway) for r in rows)
    enterprise = " ".join(x for x in (site.enterprise, site.credit_code) if x)
    return Watched(found, points, site.name, site.address, enterprise)


def load_records(connection: Connection, points: Iterable[Point], begin: int, end: int) -> dict[str, Record]:
    """What is stored of some points from ``begin`` to ``end`` (ms), each batch decoded once for all of them.

    As for detection, a point's samples count from the gateway alone that the registry names for it, and not those that
    are stamped long after they came.
    """
    wanted = {p.id: p for p in points}
    bound = Bound(Registry(point=tuple(wanted.values())))
    pieces: dict[str, list[tuple[Origin, Block]]] = {name: [] for name in wanted}
    numbers = _numbers(connection, list(wanted), begin, end)
    b = schema.batch
    for i in range(0, len(numbers), _TOGETHER):
        query = select(b.c.id, b.c.received_at, b.c.hash, b.c.body).where(b.c.id.in_(numbers[i : i + _TOGETHER]))
        for row in connection.execute(query.order_by(b.c.id)):
            batch = decode_batch(stored_payload(row.body), wanted)
            origin = Origin(batch.gateway, batch.epoch, batch.sequence, row.hash)
            for block in bound.believed(Stored(row.id, row.received_at, batch)):
                pieces[block.point].append((origin, block))
    return {name: record_of(name, found).part(begin, end) for name, found in pieces.items()}


def chains_of(connection: Connection, records: Mapping[str, Record]) -> Chains:
    """Tells where between two samples no batch of a journal is missing."""
    spans: dict[tuple[str, bytes], tuple[int, int]] = {}
    for record in records.values():
        for o in record.origins:
            low, high = spans.get((o.gateway, o.epoch), (o.sequence, o.sequence))
            spans[o.gateway, o.epoch] = min(low, o.sequence), max(high, o.sequence)
    stored = {key: _sequences(connection, *key, *span) for key, span in spans.items()}

    def whole(record: Record, i: int) -> bool:
        before, after = record.origin(i - 1), record.origin(i)
        if (before.gateway, before.epoch) != (after.gateway, after.epoch) or after.sequence < before.sequence:
            return False
        places = np.searchsorted(stored[after.gateway, after.epoch], [before.sequence, after.sequence])
        return int(places[1] - places[0]) == after.sequence - before.sequence

    return whole


def newest_samples(connection: Connection, points: Sequence[str]) -> dict[str, int]:
    """Time of the newest stored sample of some points, ms; points without any are left out."""
    p = schema.batch_point.c
    found: dict[str, int] = {}
    for point in points:
        newest = connection.scalar(select(p.last).where(p.point == point).order_by(p.last.desc()).limit(1))
        if newest is not None:
            found[point] = newest
    return found


def newest_batch(connection: Connection) -> int:
    """Id of the newest stored batch, of whatever gateway; 0 before the first."""
    b = schema.batch.c
    return connection.scalar(select(b.id).order_by(b.id.desc()).limit(1)) or 0


def _numbers(connection: Connection, points: Sequence[str], begin: int, end: int) -> list[int]:
    p, found = schema.batch_point.c, set[int]()
    for i in range(0, len(points), _TOGETHER):
        here = p.point.in_(points[i : i + _TOGETHER])
        found.update(connection.scalars(select(p.batch).where(here, p.last >= begin, p.first <= end)))
    return sorted(found)


def _sequences(connection: Connection, gateway: str, epoch: bytes, first: int, last: int) -> Ints:
    b = schema.batch.c
    here = (b.gateway == gateway) & (b.epoch == epoch) & b.sequence.between(first, last)
    return np.array(list(connection.scalars(select(b.sequence).where(here).order_by(b.sequence))), np.int64)
