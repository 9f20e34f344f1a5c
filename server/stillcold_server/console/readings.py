"""What a chart shows, as tables of figures, for whoever cannot see the curves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from stillcold_server.console.charts import Chart, Panel
from stillcold_server.language.words import MISSING, plain
from stillcold_server.store.series import Absent, Series, read_series

_MOST = 180  # rows of a point: longer is no table that anybody hears to its end


@dataclass(frozen=True, slots=True)
class Row:
    """One time: the figures of each column, or why there are none.

    Attributes
    ----------
    at : int
        ms
    figures : sequence of str
    cause : str
        A word of the absences; empty where something was read.
    """

    at: int
    figures: Sequence[str]
    cause: str


@dataclass(frozen=True, slots=True)
class Table:
    """What one point showed.

    Attributes
    ----------
    point : str
    heads : sequence of (str, str)
        Of each column the keys of the words of its panel and of its curve.
    rows : sequence of Row
    resolution : float
        s that a row stands for; 0 for samples as they were read.
    """

    point: str
    heads: Sequence[tuple[str, str]]
    rows: Sequence[Row]
    resolution: float


def tables_of(connection: Connection, chart: Chart) -> list[Table]:
    """A table a point, in the order of the panels."""
    points = dict.fromkeys(curve.point for panel in chart.panels for curve in panel.curves)
    return [_table(connection, chart, point) for point in points]


def _table(connection: Connection, chart: Chart, point: str) -> Table:
    columns = [(panel, curve) for panel in chart.panels for curve in panel.curves if curve.point == point]
    names = list(dict.fromkeys(curve.quantity for _, curve in columns))
    series = read_series(connection, point, names, chart.start, chart.end, _MOST)
    measured = [(panel, curve) for panel, curve in columns if not np.isnan(series.columns[curve.quantity]).all()]
    rows = [
        Row(at, [_figure(series, curve.quantity, i, panel) for panel, curve in measured], _cause(series.absent, at))
        for i, at in enumerate(series.times.tolist())
    ]
    return Table(point, [(panel.title, curve.name) for panel, curve in measured], list(_told(rows)), series.resolution)


def _told(rows: Sequence[Row]) -> Iterator[Row]:
    """Each stretch without readings once."""
    before = ""
    for row in rows:
        if not row.cause or row.cause != before:
            yield row
        before = row.cause


def _figure(series: Series, name: str, i: int, panel: Panel) -> str:
    value, least, most = (float(of[name][i]) * panel.factor for of in (series.columns, series.low, series.high))
    if np.isnan(value):
        return MISSING
    return plain(value, 2) if least == most else f"{plain(value, 2)} ({plain(least, 2)}–{plain(most, 2)})"


def _cause(absent: Sequence[Absent], at: int) -> str:
    return next((a.cause for a in absent if a.start <= at < a.end), "")
