"""Rollups: what a point showed in each minute, quarter of an hour and day, for long charts.

A row holds, by quantity, ``[count, sum, min, max, first time, first, last time, last]``; rows of two batches merge
without looking at the samples again. The energy of a period is its last register reading less the one before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, and_, or_, select

from stillcold_core.contract.batch import Block
from stillcold_server.followers import Stored
from stillcold_server.store.database import upsert
from stillcold_server.store.schema import rollup

RESOLUTIONS = (60, 900, 86400)
"""s"""
DAY_OFFSET = 8 * 3600
"""s; days begin at midnight in Asia/Shanghai, which has had no daylight saving time since 1991."""
Stats = list[float]
Key = tuple[str, int, int]


def handle(connection: Connection, batches: Sequence[Stored]) -> None:
    """Add batches to the rollups, for the follower ``rollup``."""
    fresh: dict[Key, dict[str, Stats]] = {}
    for stored in batches:
        for block in stored.batch.blocks:
            for resolution in RESOLUTIONS:
                for start, columns in summarise(block, resolution):
                    key = (block.point, resolution, start)
                    fresh[key] = merge(fresh.get(key, {}), columns)
    for key, columns in _stored(connection, list(fresh)).items():
        fresh[key] = merge(columns, fresh[key])
    upsert(
        connection,
        rollup,
        [
            {"point": point, "resolution": resolution, "start": start, "columns": cbor2.dumps(columns)}
            for (point, resolution, start), columns in fresh.items()
        ],
    )


def starts(times: npt.NDArray[np.int64], resolution: int) -> npt.NDArray[np.int64]:
    """Beginning, in ms, of the period that each time, in ms, lies in."""
    offset = DAY_OFFSET * 1000 if resolution == 86400 else 0
    width = resolution * 1000
    return (times + offset) // width * width - offset


def summarise(block: Block, resolution: int) -> Iterable[tuple[int, dict[str, Stats]]]:
    """Statistics of a block by period: start in ms, then ``Stats`` by quantity; one without numbers is left out."""
    order = np.argsort(block.times, kind="stable")
    times = block.times[order]
    begins, at = np.unique(starts(times, resolution), return_index=True)
    values = {name: column.values()[order] for name, column in block.columns.items()}
    for i, (start, first) in enumerate(zip(begins.tolist(), at.tolist(), strict=True)):
        span = slice(first, at[i + 1] if i + 1 < len(at) else None)
        columns = {name: stats for name, v in values.items() if (stats := _stats(times[span], v[span]))}
        if columns:
            yield start, columns


def merge(a: Mapping[str, Stats], b: Mapping[str, Stats]) -> dict[str, Stats]:
    """Statistics of two sets of samples together."""
    return {name: _merged(a.get(name), b.get(name)) for name in {**a, **b}}


def load(
    connection: Connection, point: str, resolution: int, start: int, end: int
) -> list[tuple[int, dict[str, Stats]]]:
    """Rows of a point whose period begins in [start, end], in order."""
    t = rollup.c
    rows = connection.execute(
        select(t.start, t.columns)
        .where(t.point == point, t.resolution == resolution, t.start.between(start, end))
        .order_by(t.start)
    )
    return [(r.start, cbor2.loads(r.columns)) for r in rows]


def _stored(connection: Connection, keys: Sequence[Key]) -> dict[Key, dict[str, Stats]]:
    found: dict[Key, dict[str, Stats]] = {}
    t = rollup.c
    for i in range(0, len(keys), 200):
        same = [and_(t.point == p, t.resolution == r, t.start == s) for p, r, s in keys[i : i + 200]]
        for row in connection.execute(select(rollup).where(or_(*same))):
            found[row.point, row.resolution, row.start] = cbor2.loads(row.columns)
    return found


def _stats(times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> Stats | None:
    there = ~np.isnan(values)
    v, t = values[there], times[there]
    if not len(v):
        return None
    numbers: list[Any] = [len(v), v.sum(), v.min(), v.max(), t[0], v[0], t[-1], v[-1]]
    return [float(n) for n in numbers]


def _merged(a: Stats | None, b: Stats | None) -> Stats:
    if a is None or b is None:
        return list(a or b or [])
    first, last = min(a[4:6], b[4:6]), max(a[6:8], b[6:8])
    return [a[0] + b[0], a[1] + b[1], min(a[2], b[2]), max(a[3], b[3]), *first, *last]
