"""Recordings, column by column into registers."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from stillcold_core.files import BadFile
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario, load_scenario

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
    quiet, soft, absent, full, last = _play(load(), 59.0, 60.0, 121.0, 180.0, 252.0)
    assert quiet == (0.0, 2301, 5009660)
    assert soft == (pytest.approx(108.4), 2290, 5009660)
    assert absent is None
    assert full == (450.0, 2265, 5009662)
    assert last == (450.0, 2265, 5009671)


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
