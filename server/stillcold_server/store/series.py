"""Reading series back: from the stored batches where they are few, from rollups where they are many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, func, select

from stillcold_core.contract.batch import CAUSES, UNASKED, Block, decode_batch
from stillcold_core.evidence.envelope import stored_payload
from stillcold_server.store import rollups
from stillcold_server.store.schema import batch, batch_point

Floats = npt.NDArray[np.float64]
_MOST_RAW = 20_000
"""Samples that are decoded and thinned; above that a rollup serves."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A while in which nothing that was asked for was read.

    Attributes
    ----------
    start, end : int
        ms UTC: of the first sample without a number, and of the next one with one.
    cause : str
        A word of :class:`~stillcold_core.readings.Absence`.
    """

    start: int
    end: int
    cause: str


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values of one point over time.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        ms UTC; of samples, or of the beginnings of periods.
    columns, low, high : dict of str to ndarray of float64, shape (n,)
        By quantity: the values themselves, or mean, least and largest of each period; NaN where nothing was read.
    resolution : float
        s of a period; 0 for samples as they were read.
    absent : sequence of Absent
        In order; none where a rollup serves, which does not keep causes.
    """

    times: npt.NDArray[np.int64]
    columns: dict[str, Floats]
    low: dict[str, Floats]
    high: dict[str, Floats]
    resolution: float
    absent: Sequence[Absent] = ()


def read_series(
    connection: Connection, point: str, quantities: Sequence[str], start: int, end: int, max_points: int
) -> Series:
    """Values of some quantities of one point in a period.

    Parameters
    ----------
    point : str
        Id of the point.
    quantities : sequence of str
        Names of the vocabulary.
    start, end : int
        ms UTC, both included.
    max_points : int
        Most times in the answer; where there are more samples, periods are summarised.
    """
    here = (batch_point.c.point == point) & (batch_point.c.last >= start) & (batch_point.c.first <= end)
    samples = connection.scalar(select(func.sum(batch_point.c.samples)).where(here)) or 0
    if samples > _MOST_RAW:
        return _from_rollups(connection, point, quantities, start, end, max_points)
    blocks = _blocks(connection, point, start, end)
    times, columns = _decoded(blocks, quantities, start, end)
    absent = _absent(blocks, quantities, start, end)
    if len(times) <= max_points:
        return Series(times, columns, columns, columns, 0.0, absent)
    return replace(_thinned(times, columns, max(1, -(-(end - start + 1) // max_points))), absent=absent)


def _blocks(connection: Connection, point: str, start: int, end: int) -> list[Block]:
    rows = connection.execute(
        select(batch.c.body)
        .join(batch_point, batch_point.c.batch == batch.c.id)
        .where(batch_point.c.point == point, batch_point.c.last >= start, batch_point.c.first <= end)
        .order_by(batch_point.c.first)
    )
    return [b for row in rows for b in decode_batch(stored_payload(row.body)).blocks if b.point == point]


def _decoded(
    blocks: Sequence[Block], quantities: Sequence[str], start: int, end: int
) -> tuple[npt.NDArray[np.int64], dict[str, Floats]]:
    times = np.concatenate([b.times for b in blocks]) if blocks else np.empty(0, np.int64)
    inside = (times >= start) & (times <= end)
    order = np.argsort(times[inside], kind="stable")

    def values(name: str) -> Floats:
        parts = [b.columns[name].values() if name in b.columns else np.full(len(b.times), np.nan) for b in blocks]
        return np.concatenate(parts)[inside][order] if parts else np.empty(0)

    return times[inside][order], {name: values(name) for name in quantities}


def _absent(blocks: Sequence[Block], quantities: Sequence[str], start: int, end: int) -> list[Absent]:
    if not blocks:
        return []
    times = np.concatenate([b.times for b in blocks])
    inside = (times >= start) & (times <= end)
    order = np.argsort(times[inside], kind="stable")
    times, codes = times[inside][order], np.concatenate([_causes(b, quantities) for b in blocks])[inside][order]
    begins = np.flatnonzero(np.diff(codes, prepend=0)).tolist()
    return [
        Absent(int(times[i]), int(times[j] if j < len(times) else times[-1] + 1), CAUSES[codes[i] - 1].value)
        for i, j in zip(begins, [*begins[1:], len(times)], strict=False)
        if codes[i]
    ]


def _causes(block: Block, quantities: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Of each sample, 0 where anything was read or nothing was asked for, else a cause's number."""
    asked = [block.columns[name].causes for name in quantities if name in block.columns]
    if not asked:
        return np.zeros(len(block.times), np.uint8)
    codes = np.stack(asked)
    found: npt.NDArray[np.uint8] = np.where(codes == UNASKED, 0, codes).max(axis=0)
    return np.where((codes == 0).any(axis=0), np.uint8(0), found)


def _thinned(times: npt.NDArray[np.int64], columns: dict[str, Floats], width: int) -> Series:
    """Mean, least and largest of every ``width`` ms."""
    begins, at = np.unique(times // width * width, return_index=True)
    mean: dict[str, Floats] = {}
    low: dict[str, Floats] = {}
    high: dict[str, Floats] = {}
    for name, values in columns.items():
        there = ~np.isnan(values)
        count = np.add.reduceat(there.astype(float), at)
        total = np.add.reduceat(np.where(there, values, 0.0), at)
        mean[name] = np.divide(total, count, out=np.full(len(at), np.nan), where=count > 0)
        low[name] = np.fmin.reduceat(values, at)
        high[name] = np.fmax.reduceat(values, at)
    return Series(begins, mean, low, high, width / 1000)


def _from_rollups(
    connection: Connection, point: str, quantities: Sequence[str], start: int, end: int, max_points: int
) -> Series:
    wanted = (end - start) / 1000 / max_points
    resolution = next((r for r in rollups.RESOLUTIONS if r >= wanted), rollups.RESOLUTIONS[-1])
    first = int(rollups.starts(np.array([start]), resolution)[0])
    rows = rollups.load(connection, point, resolution, first, end)

    def column(name: str, of: int) -> Floats:
        return np.array([stats[name][of] if name in stats else np.nan for _, stats in rows], float)

    return Series(
        np.array([t for t, _ in rows], np.int64),
        {name: column(name, 1) / column(name, 0) for name in quantities},
        {name: column(name, 2) for name in quantities},
        {name: column(name, 3) for name in quantities},
        float(resolution),
    )
