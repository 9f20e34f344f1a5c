"""Loads against what is known of the real ones."""

import csv
import gzip
import math
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

import numpy as np
import pytest

from stillcold_sim.loads import Demand, Furnace, Grid, Moment, Motor, Office, Run, Steady, electrical, quantities

RECORDING = Path(__file__).parents[2].parent / "shared" / "data" / "induction_furnace_2024-10.csv.gz"
_COLUMNS = {"active_power": "kW", "reactive_power": "kVar", "power_factor": "PF"} | {
    name: column
    for i in (1, 2, 3)
    for name, column in {
        f"current_l{i}": f"CurrentL{i}",
        f"voltage_{('l12', 'l23', 'l31')[i - 1]}": f"VoltageL{i}",
        f"current_thd_l{i}": f"THDCurrentL{i}",
        f"voltage_thd_l{i}": f"THDVoltageL{i}",
    }.items()
}
Rows = list[dict[str, float]]


def _recorded() -> Rows:
    if not RECORDING.exists():
        pytest.skip(f"the recording {RECORDING.name} is not on this machine")
    with gzip.open(RECORDING, "rt", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if all(r[c] for c in _COLUMNS.values())]
    scale = {"active_power": 1e3, "reactive_power": 1e3}
    return [{q: float(r[c]) * scale.get(q, 1.0) for q, c in _COLUMNS.items()} for r in rows]


def _played(load: Furnace | Steady | Office | Motor, hours: float, step: float = 5.0, volts: float = 277.0) -> Rows:
    """What a meter would show, one row a minute."""
    run, grid = load.begin(np.random.default_rng(7)), Grid(7)
    rows = []
    for k in range(int(hours * 3600 / step)):
        t = k * step
        demand = run.step(Moment(t, step, t % 86400), True)
        v = volts * grid.level(t)
        if t % 60 == 0:
            rows.append(quantities(electrical(demand, (v, v, v), grid.frequency(t), 1.6)))
    return rows


def _melts(rows: Rows) -> list[Rows]:
    """Runs of power of 60 to 140 minutes."""
    melts: list[Rows] = [[]]
    for row in rows:
        if row["active_power"] > 5e3:
            melts[-1].append(row)
        elif melts[-1]:
            melts.append([])
    return [m for m in melts if 60 <= len(m) <= 140]


def _phases(row: dict[str, float], stem: str) -> list[float]:
    return [row[f"{stem}_l{i}"] for i in (1, 2, 3)]


def _figures(rows: Rows) -> dict[str, float]:
    full = [r for r in rows if r["active_power"] > 300e3]
    off = [r for r in rows if r["active_power"] < 5e3]
    melts = _melts(rows)
    currents = [_phases(r, "current") for r in full]
    lines = [mean(r[f"voltage_{p}"] for p in ("l12", "l23", "l31")) for r in full]
    apparent = [math.sqrt(3) * v * mean(i) for v, i in zip(lines, currents, strict=True)]
    shown = [math.hypot(r["active_power"], r["reactive_power"]) for r in full]
    plateau = [r["active_power"] for r in full if r["active_power"] > 400e3]
    return {
        "power_factor": mean(r["power_factor"] for r in full),
        "current_thd": mean(mean(_phases(r, "current_thd")) for r in full),
        "imbalance": median(max(abs(x - mean(i)) for x in i) / mean(i) for i in currents),
        "voltage_thd_on": mean(mean(_phases(r, "voltage_thd")) for r in full),
        "voltage_thd_off": mean(mean(_phases(r, "voltage_thd")) for r in off),
        "distortion": mean(a / s - 1 for a, s in zip(apparent, shown, strict=True)),
        "melt_minutes": mean(len(m) for m in melts),
        "melt_energy": mean(sum(r["active_power"] for r in m) / 60 for m in melts),
        "plateau": median(plateau),
    }


# Tolerances: the recorded spread of each figure between melts.
TOLERANCE = {
    "power_factor": 0.01,
    "current_thd": 0.8,
    "imbalance": 0.003,
    "voltage_thd_on": 1.3,
    "voltage_thd_off": 0.6,
    "distortion": 0.006,
    "melt_minutes": 10,
    "melt_energy": 34e3,
    "plateau": 12e3,
}


@pytest.mark.requirement("sim.furnace.as-recorded")
def test_furnace_has_the_figures_of_the_recorded_one() -> None:
    """With its defaults, within the spread of the recording."""
    recorded, played = _figures(_recorded()), _figures(_played(Furnace(), hours=72))
    off = {k: (recorded[k], played[k]) for k in TOLERANCE if abs(recorded[k] - played[k]) > TOLERANCE[k]}
    assert off == {}


def test_furnace_has_the_figures_stated_for_the_whole_recording() -> None:
    """93 min, 575 kWh, a first-minute step of 108 kW, pf 0.971, THD-I 27.1 %, U·I 5 % above √(P² + Q²), .6 % uneven."""
    rows = _played(Furnace(), hours=72)
    found = _figures(rows)
    assert found["melt_minutes"] == pytest.approx(93, abs=10)
    assert found["melt_energy"] == pytest.approx(575e3, abs=34e3)
    assert found["power_factor"] == pytest.approx(0.971, abs=0.006)
    assert found["current_thd"] == pytest.approx(27.1, abs=0.5)
    assert found["distortion"] == pytest.approx(0.0507, abs=0.0044)
    assert found["voltage_thd_on"] == pytest.approx(10.4, abs=1.3)
    assert found["voltage_thd_off"] == pytest.approx(1.6, abs=0.6)
    assert found["imbalance"] == pytest.approx(0.006, abs=0.003)
    assert median(m[0]["active_power"] for m in _melts(rows)) == pytest.approx(108e3, rel=0.05)
    plateaus = [[r["active_power"] for r in m[45:-2]] for m in _melts(rows)]
    assert mean(float(np.std(p)) / mean(p) for p in plateaus) < 0.01


def test_furnace_taps_between_heats_and_energy_per_heat_is_stable() -> None:
    """Taps of 5 to 15 minutes; energy per heat within a few percent of each other."""
    rows = _played(Furnace(), hours=48)
    energies = [sum(r["active_power"] for r in m) / 60 for m in _melts(rows)]
    edges = [t for t, (a, b) in enumerate(pairwise(r["active_power"] > 0 for r in rows)) if a != b]
    taps = [back - away for away, back in zip(edges[0::2], edges[1::2], strict=False)]
    assert len(energies) >= 20
    assert np.std(energies) / mean(energies) < 0.1
    assert 4 <= min(taps) <= max(taps) <= 16


def test_furnace_with_an_scr_inverter_has_a_bad_power_factor_at_low_power_only() -> None:
    """A diode-fed one keeps it."""
    scr, diode = (_played(Furnace(inverter=kind), hours=1)[0]["power_factor"] for kind in ("scr", "diode"))
    assert scr < 0.7
    assert diode == pytest.approx(0.971, abs=0.001)


def test_furnace_is_off_the_moment_it_is_switched_off_and_begins_a_heat_when_switched_on() -> None:
    """Each change is named for the truth."""
    run = Furnace().begin(np.random.default_rng(1))
    steps = [run.step(Moment(float(t), 1.0, 0.0), t >= 5 and t != 10) for t in range(15)]
    assert [(t, s.event) for t, s in enumerate(steps) if s.event] == [
        (5, "melt_begins"),
        (10, "furnace_off"),
        (11, "melt_begins"),
    ]
    assert [t for t, s in enumerate(steps) if s.active_power == 0] == [0, 1, 2, 3, 4, 10]


def test_office_works_by_day() -> None:
    """Little at night, near its peak at noon."""
    rows = _played(Office(), hours=24, step=60)
    assert rows[3 * 60]["active_power"] < 3e3
    assert rows[12 * 60]["active_power"] > 20e3


def test_motor_starts_with_many_times_its_current_and_then_works_in_two_levels() -> None:
    """As a compressor does."""
    run: Run = Motor().begin(np.random.default_rng(1))
    states = [
        electrical(run.step(Moment(float(t), 1.0, 0.0), True), (220.0, 220.0, 220.0), 50.0, 1.6) for t in range(180)
    ]
    start, loaded, unloaded = (states[t].current[0] for t in (0, 60, 150))
    assert start / loaded == pytest.approx(6.5, rel=0.1)
    assert sum(states[150].active_power) == pytest.approx(0.3 * sum(states[60].active_power), rel=0.1)
    assert unloaded < loaded


def test_steady_load_follows_its_parameters() -> None:
    """Power, power factor and harmonics are those asked for."""
    rows = _played(Steady(power=400e3, power_factor=0.93, current_thd=26, h5=19), hours=1)
    assert mean(r["active_power"] for r in rows) == pytest.approx(400e3, rel=0.01)
    assert rows[0]["power_factor"] == pytest.approx(0.93)
    assert (rows[0]["current_thd_l1"], rows[0]["current_h5_l2"]) == (26, 19)


def test_no_voltage_no_load() -> None:
    """A dead conductor carries nothing, whatever the load wants."""
    state = electrical(Demand(active_power=1e5), (0.0, 0.0, 0.0), 50.0, 1.6)
    assert set(quantities(state).values()) == {0.0}


def test_all_sites_share_one_frequency_near_nominal() -> None:
    """It is a function of seed and time only."""
    a, b = Grid(3), Grid(3)
    times = np.arange(0, 7200, 7.0).tolist()
    assert [a.frequency(t) for t in times] == [b.frequency(t) for t in times]
    assert all(abs(a.frequency(t) - 50) < 0.1 for t in times)
    assert [Grid(4).frequency(t) for t in times] != [a.frequency(t) for t in times]
