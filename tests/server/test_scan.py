"""Measurement files: every form gives the same numbers, and what is wrong is said with file, line, column and value."""

import gzip
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillcold_core.files import BadFile
from stillcold_server.measurements import csv_file
from stillcold_server.measurements.files import check_measurements, find_measurements, read_measurements

GOOD = "time,point,active_power\n1800000000,p1,5.5\n"
CODES = {"p1": 0, "p2": 1}
Read = list[tuple[int, float, dict[str, float]]]


def rows_of(path: Path) -> Read:
    """Point, time and the numbers that are there, of each row."""
    check_measurements(path)
    read: Read = []
    for rows in read_measurements(path, CODES):
        for i in range(len(rows)):
            shown = {n: float(c[i]) for n, c in rows.columns.items() if not math.isnan(c[i])}
            read.append((int(rows.codes[i]), float(rows.times[i]), shown))
    return read


def read_text(path: Path, text: str | bytes) -> Read:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return rows_of(path)


def read_table(path: Path, **columns: object) -> Read:
    pq.write_table(pa.table(columns), path)
    return rows_of(path)


def test_both_forms_of_time_and_what_is_missing(tmp_path: Path) -> None:
    text = GOOD + '2027-01-15T08:00:01.25Z,p1,\n2027-01-15T16:00:02+08:00,p2,nan\n\n"2027-01-15T08:00:03","p1",""\n'
    assert read_text(tmp_path / "m.csv", text) == [
        (0, 1_800_000_000.0, {"active_power": 5.5}),
        (0, 1_800_000_001.25, {}),
        (1, 1_800_000_002.0, {}),
        (0, 1_800_000_003.0, {}),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("form", ["{}", "2027-01-15T08:00:{:02d}Z", "2027-01-15 08:00:{:02d}.0000009"])
def test_ends_of_lines_marks_and_packing_change_nothing(tmp_path: Path, end: str, mark: str, form: str) -> None:
    """Fractions below a microsecond are cut off, as the plain reader does."""
    first = 1_800_000_000 if form == "{}" else 0
    lines = ["time,point,frequency", *(f"{form.format(first + i)},p{1 + i % 2},{50 + i / 100}" for i in range(60))]
    text = (mark + end.join(lines)).encode()
    expected = [(i % 2, 1_800_000_000.0 + i, {"frequency": 50 + i / 100}) for i in range(60)]
    assert read_text(tmp_path / "m.csv", text) == expected
    assert read_text(tmp_path / "m.csv.gz", gzip.compress(text)) == expected


def test_the_fast_and_the_plain_reader_read_the_same_bits(tmp_path: Path) -> None:
    """A time in another form makes the plain one read the block."""
    numbers = np.random.default_rng(1).normal(0, 1e5, 2000)
    lines = ["time,point,active_power", *(f"{1.8e9 + x / 7!r},p1,{x!r}" for x in numbers.tolist())]
    fast = read_text(tmp_path / "fast.csv", "\n".join(lines))
    plain = read_text(tmp_path / "plain.csv", "\n".join([*lines, "2027-01-15T08:00:00Z,p1,1"]))
    assert fast == plain[:-1]
    assert [shown["active_power"] for _, _, shown in fast] == numbers.tolist()


MOMENTS = [1_800_000_000, 1_800_000_001, 1_800_000_002]
TEXTS = ["2027-01-15T08:00:00Z", "1800000001", "2027-01-15T16:00:02+08:00"]
TIMES = {
    **{f"{u} {z}": pa.array(MOMENTS, pa.timestamp("s")).cast(pa.timestamp(u, z))
       for u in ("s", "ms", "us", "ns") for z in (None, "UTC", "Asia/Shanghai")},
    "integers": pa.array(MOMENTS), "floats": pa.array([float(m) for m in MOMENTS]),
    "decimals": pa.array([Decimal(m) for m in MOMENTS]), "text": pa.array(TEXTS),
    "large text": pa.array(TEXTS, pa.large_string()),
}  # fmt: skip


@pytest.mark.requirement("scan.parquet")
@pytest.mark.parametrize("form", TIMES)
def test_every_form_of_time_in_parquet(tmp_path: Path, form: str) -> None:
    read = read_table(tmp_path / "m.parquet", time=TIMES[form], point=["p1", "p2", "p1"], frequency=[50.0, None, 50.1])
    assert read == [
        (0, 1_800_000_000.0, {"frequency": 50.0}),
        (1, 1_800_000_001.0, {}),
        (0, 1_800_000_002.0, {"frequency": 50.1}),
    ]


@pytest.mark.requirement("scan.parquet")
@pytest.mark.parametrize(
    "numbers",
    [
        pa.array([1, None, 0], pa.int64()),
        pa.array([1, None, 0], pa.uint8()),
        pa.array([1, None, 0], pa.float32()),
        pa.array([1, math.nan, 0], pa.float64()),
        pa.array([1, None, 0], pa.float16()),
        pa.array([Decimal("1.00"), None, Decimal("0.00")]),
        pa.array([True, None, False]),
        pa.array([1.0, None, 0.0]).dictionary_encode(),
    ],
    ids=lambda n: str(n.type),
)
def test_every_form_of_numbers_and_ids_in_parquet(tmp_path: Path, numbers: pa.Array) -> None:
    for ids in (pa.array(["p1", "p2", "p1"]), pa.array(["p1", "p2", "p1"]).dictionary_encode()):
        read = read_table(tmp_path / "m.parquet", time=MOMENTS, point=ids, seal_closed=numbers)
        assert [shown for _, _, shown in read] == [{"seal_closed": 1.0}, {}, {"seal_closed": 0.0}]
        assert [code for code, _, _ in read] == [0, 1, 0]


def test_a_column_without_any_number_and_an_index_of_pandas_are_left_aside(tmp_path: Path) -> None:
    columns = {"time": MOMENTS[:1], "point": ["p1"], "frequency": pa.nulls(1), "__index_level_0__": [7]}
    assert read_table(tmp_path / "m.parquet", **columns) == [(0, 1_800_000_000.0, {})]


@pytest.mark.requirement("scan.bad-input")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "m.csv:1: time: expected a column 'time'"),
        ("time,active_power\n", "m.csv:1: point: expected a column 'point'"),
        ("time,point,watts\n", "m.csv:1: got 'watts'; expected 'time', 'point' or a quantity"),
        ("time,point,frequency,frequency\n", "m.csv:1: frequency: a column stands twice"),
        (GOOD + "yesterday,p1,1\n", "m.csv:3: time: got 'yesterday'; expected epoch seconds or ISO 8601"),
        (GOOD + ",p1,1\n", "m.csv:3: time: got ''; expected epoch seconds or ISO 8601"),
        (GOOD + "-5,p1,1\n", "expected a time between 1970 and 9999"),
        (GOOD + "inf,p1,1\n", "expected a time between 1970 and 9999"),
        (GOOD + "1800000001000,p1,1\n", "expected a time between 1970 and 9999"),
        (GOOD + "1800000001,p9,1\n", "m.csv:3: point: got 'p9'; expected the id of a point in the registry"),
        (GOOD + "1800000001,p1,5 kW\n", "m.csv:3: active_power: got '5 kW'; expected a number"),
        (GOOD + "1800000001,p1\n", "m.csv:3: expected 3 columns, got 2"),
        (GOOD + '1800000001,p1,"5\n', "m.csv:3: not CSV"),
        (b"time,point\n1800000000,\xff\n", "m.csv:2: expected a text file in UTF-8"),
        (gzip.compress(GOOD.encode(), mtime=0)[:-4], "m.csv: not gzip"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(BadFile) as refused:
        read_text(tmp_path / "m.csv", text)
    assert said in str(refused.value)


@pytest.mark.requirement("scan.bad-input")
def test_a_bad_cell_far_into_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the first blocks of the fast reader."""
    monkeypatch.setattr(csv_file, "_BLOCK", 10_000)
    rows = "".join(f"{1_800_000_000 + i},p1,{i}\n" for i in range(6_000))
    with pytest.raises(BadFile, match=r"m\.csv:6002: active_power: got 'x'"):
        read_text(tmp_path / "m.csv", GOOD.splitlines()[0] + "\n" + rows + "1800600000,p1,x\n")


@pytest.mark.requirement("scan.bad-input")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"time": None}, "m.parquet: time: expected a column 'time'"),
        ({"watts": [1, 2]}, "m.parquet: got 'watts'; expected 'time', 'point' or a quantity"),
        ({"time": pa.array([1, 2], pa.date32())}, "m.parquet: time: got 'date32[day]'; expected timestamps"),
        ({"point": [1, 2]}, "m.parquet: point: got 'int64'; expected a column of ids"),
        ({"frequency": ["50", "x"]}, "m.parquet: frequency: got 'string'; expected a column of numbers"),
        ({"point": ["p1", "p9"]}, "m.parquet: row 2: point: got 'p9'; expected the id of a point in the registry"),
        ({"point": ["p1", None]}, "m.parquet: row 2: point: got 'nothing'; expected the id of a point"),
        ({"time": [1.0, None]}, "m.parquet: row 2: time: got 'nothing'; expected a time between 1970 and 9999"),
        ({"time": ["1", "noon"]}, "m.parquet: row 2: time: got 'noon'; expected epoch seconds or ISO 8601"),
        ({"time": [1, -1]}, "m.parquet: row 2: time: got '-1'; expected a time between 1970 and 9999"),
    ],
)
def test_what_does_not_fit_in_parquet_is_named(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    columns = {"time": [1, 2], "point": ["p1", "p2"], "frequency": [50, 50]} | changed
    with pytest.raises(BadFile) as refused:
        read_table(tmp_path / "m.parquet", **{n: c for n, c in columns.items() if c is not None})
    assert said in str(refused.value)


@pytest.mark.requirement("scan.bad-input")
def test_a_broken_parquet_file_and_one_that_is_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_bytes(b"PAR1 and no more")
    for name in ("m.parquet", "none.csv"):
        with pytest.raises(BadFile, match=f"{name}: cannot be read"):
            check_measurements(tmp_path / name)


def test_a_folder_stands_for_the_files_in_it(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="expected files that end with"):
        find_measurements([tmp_path])
    for name in ("b.csv", "a.parquet", "c.CSV.gz", "notes.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in find_measurements([tmp_path / "x.csv", tmp_path])] == [
        "x.csv", "a.parquet", "b.csv", "c.CSV.gz",
    ]  # fmt: skip
