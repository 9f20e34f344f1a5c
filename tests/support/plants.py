"""Real recordings, where they are at hand: evaluation only, never part of the project."""

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from stillcold_core.readings import Sample

DATA = Path(__file__).parents[2].parent / "shared" / "data"
_FURNACE, _STEEL = DATA / "induction_furnace_2024-10.csv.gz", DATA / "steel_plant_2018-h1.csv.gz"
_EPOCH = datetime(1970, 1, 1)
Columns = dict[str, tuple[str, float]]
ELECTRICAL: Columns = {
    "active_power": ("kW", 1e3),
    "reactive_power": ("kVar", 1e3),
    "active_energy_import": ("kWh", 1e3),
    "frequency": ("Hz", 1),
    **{f"current_l{p}": (f"CurrentL{p}", 1) for p in (1, 2, 3)},
    **{f"voltage_{pair}": (f"VoltageL{p}", 1) for p, pair in enumerate(("l12", "l23", "l31"), 1)},
    **{f"voltage_thd_l{p}": (f"THDVoltageL{p}", 1) for p in (1, 2, 3)},
    **{f"current_thd_l{p}": (f"THDCurrentL{p}", 1) for p in (1, 2, 3)},
}
"""Columns of the furnace's recording by quantity, and what one of their unit is in the vocabulary's."""


def real_furnace(*quantities: str) -> Iterator[Sample]:
    """The induction furnace, once a minute for two weeks; all quantities where none is named."""
    wanted = quantities or tuple(ELECTRICAL)
    for row in _rows(_FURNACE):
        time = (datetime.fromisoformat(row["ts"]) - _EPOCH).total_seconds()
        values = {q: float(row[c]) * scale for q in wanted for c, scale in [ELECTRICAL[q]] if row[c]}
        yield Sample("p", time, values)


def steel_plant() -> Iterator[Sample]:
    """The steel plant: mean power and reactive power of each quarter of an hour of half a year."""
    for row in _rows(_STEEL):
        time = (datetime.strptime(row["date"], "%d/%m/%Y %H:%M") - _EPOCH).total_seconds()
        if row["NSM"] == "0":  # the quarter of an hour that ends at midnight bears the date of its day
            time += 86400
        reactive = float(row["Lagging_Current_Reactive.Power_kVarh"]) - float(
            row["Leading_Current_Reactive_Power_kVarh"]
        )
        power = 4e3 * float(row["Usage_kWh"])
        yield Sample("p", time, {"active_power": power, "reactive_power": 4e3 * reactive})


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        pytest.skip(f"the recording {path.name} is not here")
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
