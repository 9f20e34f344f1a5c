"""Measurement files: what is wrong is said with file, line, column and value."""

from pathlib import Path

import pytest

from stillcold_core.files import BadFile
from stillcold_core.readings import Absence
from stillcold_server.detection.scan import read_measurements

GOOD = "time,point,active_power\n1800000000,p1,5.5\n"


def read_all(path: Path, text: str | bytes) -> list[tuple[float, dict[str, object]]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [(s.time, dict(s.values)) for s in read_measurements(path, ["p1"])]


def test_both_forms_of_time_and_what_is_missing(tmp_path: Path) -> None:
    text = GOOD + "2027-01-15T08:00:01Z,p1,\n2027-01-15T16:00:02+08:00,p1,nan\n\n"
    assert read_all(tmp_path / "m.csv", text) == [
        (1_800_000_000.0, {"active_power": 5.5}),
        (1_800_000_001.0, {}),
        (1_800_000_002.0, {"active_power": Absence.OUT_OF_RANGE}),
    ]


@pytest.mark.requirement("scan.bad-input")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "m.csv:1: time: expected a column 'time'"),
        ("time,active_power\n", "m.csv:1: point: expected a column 'point'"),
        ("time,point,watts\n", "m.csv:1: got 'watts'; expected 'time', 'point' or a quantity"),
        ("time,point,frequency,frequency\n", "m.csv:1: frequency: a column stands twice"),
        (GOOD + "yesterday,p1,1\n", "m.csv:3: time: got 'yesterday'; expected epoch seconds or ISO 8601"),
        (GOOD + "2027-01-15T08:00:01,p1,1\n", "expected an offset"),
        (GOOD + "-5,p1,1\n", "expected a time between 1970 and 9999"),
        (GOOD + "inf,p1,1\n", "expected a time between 1970 and 9999"),
        (GOOD + "1800000001,p9,1\n", "m.csv:3: point: got 'p9'; expected the id of a point in the registry"),
        (GOOD + "1800000001,p1,5 kW\n", "m.csv:3: active_power: got '5 kW'; expected a number"),
        (GOOD + "1800000001,p1\n", "m.csv:3: expected 3 columns, got 2"),
        (GOOD + '1800000001,p1,"5\n', "m.csv:3: not CSV"),
        (b"time,point\n1800000000,\xff\n", "UTF-8"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(BadFile) as refused:
        read_all(tmp_path / "m.csv", text)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        list(read_measurements(tmp_path / "none.csv", []))
