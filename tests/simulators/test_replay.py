"""Recordings, column by column into registers."""

import csv
import gzip
import itertools
import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillcold_core.files import BadFile
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario, load_scenario
from stillcold_sim.scenario.model import Column, Replay
from stillcold_sim.scenario.recording import Recording, load_recording

CSV = """when,kW,V,note
2024-10-13 22:55:00,0.0,230.1,quiet
2024-10-13 22:56:00,108.4,229.0,
2024-10-13 22:57:01,,,logger off
2024-10-13 22:58:00,450.0,226.5,
"""

TEXT = """
name = "test"
[[port]]
id = "bus"
[[meter]]
id = "m"
profile = "{folder}/two.toml"
port = "bus"
unit = 1
point = "p"
energy = 5_009_660_000
[meter.replay]
file = "recording.csv"
{more}
[meter.replay.columns]
active_power = {{ column = "kW", unit = "kW" }}
voltage_l1 = "V"
"""

PROFILE = """
model = "two"
title = "Two values and a register"
kind = "meter"
source = "none"
function = 3
[[register]]
quantity = "active_power"
address = 0
type = "float32"
unit = "kW"
resolution = 0.1
source = "-"
[[register]]
quantity = "voltage_l1"
address = 2
type = "uint16"
unit = "V"
scale = 0.1
source = "-"
[[register]]
quantity = "active_energy_import"
address = 3
type = "uint32"
unit = "kWh"
source = "-"
"""


@pytest.fixture
def load(tmp_path: Path, write: Callable[[str], Path]) -> Callable[..., Scenario]:
    """Load the scenario that plays a CSV text."""

    def to_scenario(text: str = CSV, more: str = 'time = "when"') -> Scenario:
        (tmp_path / "two.toml").write_text(PROFILE, encoding="utf-8")
        (tmp_path / "recording.csv").write_text(text, encoding="utf-8")
        return load_scenario(write(TEXT.format(folder=".", more=more)))

    return to_scenario


def _nothing(_: Record) -> None:
    """Leave the truth aside."""


def _shown(plant: Plant) -> tuple[float, float, int] | None:
    meter = plant.meters["m"]
    if meter.values is None:
        return None
    words = meter.read(3, 0, 5)
    assert isinstance(words, list)
    power, volts, energy = struct.unpack(">fHI", struct.pack(">5H", *words))
    return power, volts, energy


def _play(scenario: Scenario, *times: float) -> list[tuple[float, float, int] | None]:
    plant = Plant(scenario, None, _nothing)
    shown = []
    for t in times:
        plant.advance(t)
        shown.append(_shown(plant))
    return shown


@pytest.mark.requirement("sim.replay.columns")
def test_rows_are_played_at_their_times(load: Callable[..., Scenario]) -> None:
    """Each row until the next; units are the columns'; the register integrates the recorded power."""
    soft = pytest.approx((108.4, 2290, 5009660))
    full, last = (450.0, 2265, 5009662), (450.0, 2265, 5009671)
    assert _play(load(), 59.0, 60.0, 121.0, 180.0, 252.0) == [(0.0, 2301, 5009660), soft, None, full, last]


@pytest.mark.requirement("sim.replay.columns")
def test_a_row_that_was_not_read_is_a_time_without_an_answer(load: Callable[..., Scenario]) -> None:
    """Never a zero."""
    plant = Plant(load(), None, _nothing)
    troubles = {}
    for t in (130.0, 180.0):
        plant.advance(t)
        troubles[t] = [f.what for f in plant.meters["m"].troubles(t)]
    assert troubles == {130.0: ["silence"], 180.0: []}


def test_part_of_a_recording_by_interval_and_packed(load: Callable[..., Scenario], tmp_path: Path) -> None:
    """Without a time column rows come every interval, from the row asked for on."""
    scenario = load(more="interval = 10\nfirst_row = 1\nrows = 1")
    assert _play(scenario, 0.0, 1000.0)[1] is not None
    (tmp_path / "recording.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    text = (tmp_path / "test.toml").read_text().replace("recording.csv", "recording.csv.gz")
    (tmp_path / "test.toml").write_text(text)
    assert load_scenario(tmp_path / "test.toml").meters[0].recording == scenario.meters[0].recording


@pytest.mark.requirement("sim.scenario.checked")
@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (CSV.replace("108.4", "108,4"), 'time = "when"', r"recording.csv:3: expected no more cells"),
        (CSV.replace("108.4", "nan"), 'time = "when"', r"recording.csv:3: kW: got 'nan'; expected a number"),
        (CSV.replace("22:57:01", "22:50:01"), 'time = "when"', r"recording.csv:4: when: must not be earlier"),
        (CSV.replace("2024-10-13 22:56:00", "13.10.2024"), 'time = "when"', r"recording.csv:3: when: got '13.10.2024'"),
        (CSV, 'time = "ts"', r"recording.csv:1: has no column ts; it has when, kW, V, note"),
        (CSV, "first_row = 9", r"has no row from first_row = 9 on"),
        ("", "", r"has no column V, kW"),
    ],
)
def test_bad_recording_is_named(load: Callable[..., Scenario], text: str, more: str, message: str) -> None:
    """File, line, column, value."""
    with pytest.raises(BadFile, match=message):
        load(text, more)


REAL = """
name = "test"
[[port]]
id = "bus"
[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p"
values = { current_n = 0 }
[meter.replay]
file = "FILE"
time = "ts"
rows = 1500
[meter.replay.columns]
active_power = { column = "kW", unit = "kW" }
reactive_power = { column = "kVar", unit = "kvar" }
apparent_power = { column = "kVA", unit = "kVA" }
active_energy_import = { column = "kWh", unit = "kWh" }
power_factor = "PF"
frequency = "Hz"
"""


@pytest.mark.requirement("sim.replay.columns")
def test_real_furnace_is_played_into_a_meter(write: Callable[[str], Path]) -> None:
    """A day of it, through the registers of an SDM630; the register is the recorded one, not an integral."""
    file = Path(__file__).parents[2].parent / "shared" / "data" / "induction_furnace_2024-10.csv.gz"
    if not file.exists():
        pytest.skip(f"the recording {file.name} is not on this machine")
    columns = "".join(
        f"""
voltage_{pair} = "VoltageL{i}"
voltage_l{i} = {{ column = "VoltageL{i}", scale = 0.57735 }}
current_l{i} = "CurrentL{i}"
active_power_l{i} = {{ column = "kW", unit = "kW", scale = 0.333333 }}
voltage_thd_l{i} = "THDVoltageL{i}"
current_thd_l{i} = "THDCurrentL{i}"
"""
        for i, pair in enumerate(("l12", "l23", "l31"), 1)
    )
    plant = Plant(load_scenario(write(REAL.replace("FILE", str(file)) + columns)), None, _nothing)
    meter = plant.meters["m"]
    played = []
    for minute in range(1440):
        plant.advance(minute * 60.0 + 30)
        words = meter.read(4, 0x34, 2)
        assert isinstance(words, list)
        if meter.values:
            played.append((*struct.unpack(">f", struct.pack(">2H", *words)), meter.values["active_energy_import"]))
    with gzip.open(file, "rt", encoding="utf-8") as text:
        rows = [(float(r["kW"]) * 1e3, float(r["kWh"]) * 1e3) for r in itertools.islice(csv.DictReader(text), 1430)]
    assert max(power for power, _ in rows) > 400e3
    assert {_whole(row) for row in rows} <= {_whole(row) for row in played}


def _whole(row: tuple[float, float]) -> tuple[int, int]:
    return round(row[0]), round(row[1])


@pytest.mark.requirement("sim.replay.parquet")
def test_parquet_is_played_as_csv(load: Callable[..., Scenario], tmp_path: Path) -> None:
    """The same cells, typed; null is an empty cell."""
    scenario = load()
    when = [datetime.fromisoformat(row.split(",")[0]) for row in CSV.splitlines()[1:]]
    table = pa.table(
        {"when": when, "kW": [0.0, 108.4, None, 450.0], "V": [230.1, 229.0, None, 226.5], "note": [""] * 4}
    )
    pq.write_table(table, tmp_path / "recording.parquet")
    file = tmp_path / "test.toml"
    file.write_text(file.read_text().replace("recording.csv", "recording.parquet"))
    assert load_scenario(file).meters[0].recording == scenario.meters[0].recording
    file.write_text(file.read_text().replace('"V"', '"U"'))
    with pytest.raises(BadFile, match=r"recording.parquet: has no column U; it has when, kW, V, note"):
        load_scenario(file)
    (tmp_path / "recording.parquet").write_bytes(b"not Parquet")
    with pytest.raises(BadFile, match=r"recording.parquet: expected a Parquet file"):
        load_scenario(file)


LONG = "t,point,W,V,Wh\n0,a,100,230,1000\n0,b,7,7,7\n10,a,200,220,1100\n20,a,400,210,1200\n"
COLUMNS: dict[str, Column | str] = {"active_power": "W", "voltage_l1": "V", "active_energy_import": "Wh"}


def _recording(tmp_path: Path, **more: Any) -> Recording:
    (tmp_path / "long.csv").write_text(LONG, encoding="utf-8")
    return load_recording(Replay(file="", columns=COLUMNS, time="t", point="a", **more), tmp_path / "long.csv")


@pytest.mark.requirement("sim.replay.resample")
def test_one_point_of_a_measurements_file_held_or_straight(tmp_path: Path) -> None:
    """Between two rows."""
    held, straight = _recording(tmp_path), _recording(tmp_path, resample="linear")
    assert held.at(5) == {"active_power": 100, "voltage_l1": 230, "active_energy_import": 1000}
    assert straight.at(5) == {"active_power": 150, "voltage_l1": 225, "active_energy_import": 1050}
    assert straight.at(10) == held.at(10)
    assert straight.at(99) == held.at(99) == held.at(20)


@pytest.mark.requirement("sim.replay.loop")
def test_loop_goes_on_counting(tmp_path: Path) -> None:
    """The last row lasts as long as the others; energy never falls back."""
    recording = _recording(tmp_path, loop=True)
    rows = [recording.at(t) for t in (20, 29, 30, 40, 60)]
    assert [r and (r["active_power"], r["active_energy_import"]) for r in rows] == [
        (400, 1200),
        (400, 1200),
        (100, 1200),
        (200, 1300),
        (100, 1400),
    ]


@pytest.mark.requirement("sim.replay.loop")
@pytest.mark.parametrize(("shift", "powers"), [(15, [100, 100, 200]), (-10, [200, 400, 400])])
def test_shift(tmp_path: Path, shift: float, powers: list[float]) -> None:
    """Later, or from the inside on."""
    recording = _recording(tmp_path, shift=shift)
    rows = [recording.at(t) for t in (0, 15, 30)]
    assert [r and r["active_power"] for r in rows] == powers


def test_point_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the file."""
    (tmp_path / "long.csv").write_text(LONG, encoding="utf-8")
    with pytest.raises(BadFile, match=r"long.csv: has no row of point c"):
        load_recording(Replay(file="", columns=COLUMNS, time="t", point="c"), tmp_path / "long.csv")


def test_missing_and_broken_packed_files_are_named(load: Callable[..., Scenario], tmp_path: Path) -> None:
    """No traceback for a file that is not there or not packed."""
    load()
    text = (tmp_path / "test.toml").read_text()
    for name, content in (("none.csv", None), ("none.csv.gz", None), ("bad.csv.gz", b"not packed")):
        if content:
            (tmp_path / name).write_bytes(content)
        (tmp_path / "test.toml").write_text(text.replace("recording.csv", name))
        with pytest.raises(BadFile, match=name):
            load_scenario(tmp_path / "test.toml")
