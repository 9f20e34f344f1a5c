"""A scan's alerts do not depend on how the rows lie in files, nor on how the work is done."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from stillcold_core.detect.findings import Finding, followed
from stillcold_core.detect.tamper import fleet
from stillcold_core.files import BadFile
from stillcold_core.readings import Sample
from stillcold_core.registry import Line, Permit, Point, Registry, Site, save_registry
from stillcold_core.samples import by_columns
from stillcold_server.cli import main
from stillcold_server.detection import scan as scanning
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.scan import alert_record, scan_files
from stillcold_server.detection.subjects import subjects_of
from stillcold_server.measurements import spool

START = 1_800_000_000.0
SEALED = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("voltage_l1", "active_power", "frequency", "active_energy_import", "water_flow", "meter_serial")
Row = tuple[str, float, dict[str, float]]


def plants() -> Registry:
    """Two sites with an incomer, a sealed line with water, and a permitted line."""
    sites = [Site(f"s{i}", f"s{i}") for i in (1, 2)]
    lines = [
        line
        for s in sites
        for line in (
            Line(f"{s.id}-in", s.id, "incomer", "permitted", 900e3),
            Line(f"{s.id}-dead", s.id, "dead", "sealed", 400e3, sealed_at=SEALED, measures=("power_cut",)),
            Line(f"{s.id}-mill", s.id, "mill", "permitted", 400e3),
        )
    ]
    points = [
        point
        for s in sites
        for point in (
            Point(f"{s.id}-i", f"{s.id}-in", "incomer"), Point(f"{s.id}-d", f"{s.id}-dead", "feeder"),
            Point(f"{s.id}-m", f"{s.id}-mill", "feeder"), Point(f"{s.id}-w", f"{s.id}-dead", "water"),
        )
    ]  # fmt: skip
    return Registry(site=tuple(sites), line=tuple(lines), point=tuple(points))


def story() -> dict[str, list[Row]]:
    """A day of each point, every 5 min: restarts, a bypass, a swapped meter, a diesel set, a clock set back."""
    rng, rows = random.Random(4), {p.id: list[Row]() for p in plants().point}
    energy = dict.fromkeys(rows, 1e9)
    for i in range(288):
        time = START + 300 * i
        for s, low in (("s1", 0.0), ("s2", 1.0)):
            restart = 150e3 if 100 + 20 * low <= i < 140 else 0.0
            mill = 90e3 * (1 + 0.05 * rng.random())
            bypassed = mill / 3 if s == "s2" and i > 180 else mill
            hertz = 50 + rng.gauss(0, 0.02) + (0.6 * rng.random() if s == "s1" and 200 < i < 240 else 0.0)
            for name, power in (("i", mill + restart), ("d", restart), ("m", bypassed)):
                energy[f"{s}-{name}"] += power / 12
                rows[f"{s}-{name}"].append((f"{s}-{name}", time + len(name), {
                    "voltage_l1": (228 + rng.gauss(0, 1)) * (name != "d" or restart > 0), "active_power": power,
                    "frequency": hertz * (name != "d" or restart > 0), "active_energy_import": energy[f"{s}-{name}"],
                    "meter_serial": 7.0 if name == "m" and i > 60 else 5.0,
                }))  # fmt: skip
            rows[f"{s}-w"].append((f"{s}-w", time, {"water_flow": 3.0 * (i > 150)}))
    late = [(p, t - 4000, v) for p, t, v in rows["s1-m"][250:262]]
    rows["s1-m"][262:262] = late
    return rows


STORY = story()


@cache
def expected() -> list[dict[str, object]]:
    """The rows, one by one in order of time, to one judge of everything."""
    judge, found = Judge(subjects_of(plants())), dict[str, Finding]()
    rows = [(max(r[1] for r in of[: i + 1]), k, row) for k, of in enumerate(STORY.values()) for i, row in enumerate(of)]
    for _, _, (point, time, values) in sorted(rows, key=lambda r: r[:2]):
        for f in judge.feed(by_columns([Sample(point, time, values)])):
            found[f.id] = followed(found[f.id], f) if f.id in found else f
    return [alert_record(f) for f in sorted(found.values(), key=lambda f: (f.detected, f.id))]


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    lines = [",".join(("time", "point", *NAMES))]
    lines += [",".join((repr(t), p, *(repr(v[n]) if n in v else "" for n in NAMES))) for p, t, v in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_parquet(path: Path, rows: Sequence[Row]) -> Path:
    """Only with the columns that any row has."""
    names = [n for n in NAMES if any(n in v for _, _, v in rows)]
    columns = {n: [v.get(n) for _, _, v in rows] for n in names}
    pq.write_table(pa.table({"point": [r[0] for r in rows], **columns, "time": [r[1] for r in rows]}), path)
    return path


def alerts_of(folder: Path, files: Sequence[Path], jobs: int = 1) -> list[dict[str, object]]:
    count = scan_files(plants(), files, folder / "alerts.jsonl", jobs=jobs).alerts
    alerts = [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]
    assert count == len(alerts)
    return alerts


def dealt(seed: int, run: int, cuts: float) -> list[list[Row]]:
    """The rows of the story dealt into files, each point's in its order, up to ``run`` of a point at a time."""
    rng, left, files = random.Random(seed), {p: list(reversed(rows)) for p, rows in STORY.items()}, [list[Row]()]
    while left:
        point = rng.choice(sorted(left))
        for _ in range(min(rng.randint(1, run), len(left[point]))):
            files[-1].append(left[point].pop())
        if not left[point]:
            del left[point]
        if rng.random() < cuts:
            files.append([])
    return [f for f in files if f]


@pytest.mark.requirement("scan.layout")
@settings(max_examples=8, deadline=None)
@given(
    files=st.builds(dealt, st.integers(0), st.sampled_from([1, 50, 400]), st.sampled_from([0.0, 0.01, 0.5])),
    forms=st.lists(st.sampled_from([write_csv, write_parquet]), min_size=1, max_size=3),
    segment=st.sampled_from([2_000, 50_000, 96 << 20]),
)
def test_the_alerts_are_the_same_however_the_rows_lie_in_files(
    files: list[list[Row]], forms: list[Callable[[Path, Sequence[Row]], Path]], segment: int
) -> None:
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        patched.setattr(spool, "_SEGMENT", segment)
        paths = [forms[i % len(forms)](Path(name) / f"{i}.table", rows) for i, rows in enumerate(files[:150])]
        rest = [row for rows in files[150:] for row in rows]
        assert alerts_of(Path(name), [*paths, write_csv(Path(name) / "rest", rest)]) == expected()


def test_the_story_has_alerts_of_every_scope() -> None:
    """Else the other tests show nothing."""
    kinds = {str(a["kind"]) for a in expected()}
    assert {"restart.power", "tamper.balance", "tamper.genset", "tamper.meter_changed", "tamper.clock"} <= kinds


@pytest.mark.requirement("scan.jobs")
def test_several_processes_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_WORTH_PROCESSES", 0)
    told = dict[str, list[int]]()

    @contextmanager
    def watch(stage: str, amount: int) -> Iterator[scanning.Told]:
        told[stage] = [amount, 0]

        def add(more: int) -> None:
            told[stage][1] += more

        yield add

    file = write_csv(tmp_path / "m.csv", [row for rows in STORY.values() for row in rows])
    scan_files(plants(), [file], tmp_path / "alerts.jsonl", jobs=2, watch=watch)
    assert [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()] == expected()
    rows = sum(map(len, STORY.values()))
    assert told == {"reading": [file.stat().st_size] * 2, "judging": [2 * rows] * 2}


def test_what_began_under_a_permit_is_left_out(tmp_path: Path) -> None:
    began = datetime.fromisoformat(str(expected()[0]["began"]))
    registry = plants()
    permit = Permit(str(expected()[0]["line"]), began, began + timedelta(days=9), "maintenance", "bureau")
    registry = Registry(registry.site, registry.line, (), registry.point, (permit,))
    file = write_csv(tmp_path / "m.csv", [row for rows in STORY.values() for row in rows])
    scan_files(registry, [file], tmp_path / "alerts.jsonl")
    lines = {json.loads(line)["line"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()}
    assert lines == {str(a["line"]) for a in expected()} - {permit.line}


@pytest.mark.requirement("scan.failure")
def test_a_detector_that_fails_is_said_and_the_other_alerts_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_registry(plants(), tmp_path / "r.toml")
    file = write_csv(tmp_path / "m.csv", [row for rows in STORY.values() for row in rows])
    others = [a for a in expected() if not str(a["kind"]).startswith("tamper.genset")]
    monkeypatch.setattr(fleet, "DETECTOR", replace(fleet.DETECTOR, advance=fail))
    command = ["scan", "-r", str(tmp_path / "r.toml"), "-m", str(file), "-o", str(tmp_path / "alerts.jsonl"), "-j", "1"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "a detector failed on " in result.stderr
    told = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert told == others != expected()


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError


@pytest.mark.requirement("scan.ahead")
@pytest.mark.parametrize("at", [0, 137, 287])
def test_rows_that_are_stamped_with_a_year_to_come_hide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Where the file goes on after them."""
    monkeypatch.setattr(spool, "_SEGMENT", 2_000)
    rows = [row for of in STORY.values() for row in of]
    wrong = [("s1-d", 4_294_967_295.0 - 9e5 * i, {"active_power": 7e4}) for i in range(5)]
    file = write_csv(tmp_path / "m.csv", [*rows[: 288 + at], *wrong, *rows[288 + at :]])
    assert rows[288][0] == "s1-d"
    assert alerts_of(tmp_path, [file]) == expected()


@pytest.mark.requirement("scan.whole-or-nothing")
def test_a_file_that_is_refused_leaves_the_older_alerts(tmp_path: Path) -> None:
    """And nothing else in the folder."""
    (tmp_path / "alerts.jsonl").write_text("older\n")
    (tmp_path / "m.csv").write_text("time,point,frequency\n1800000000,s1-m,50\n1800000001,s1-m,fifty\n")
    with pytest.raises(BadFile, match="fifty"):
        scan_files(plants(), [tmp_path / "m.csv"], tmp_path / "alerts.jsonl")
    assert (tmp_path / "alerts.jsonl").read_text() == "older\n"
    assert {p.name for p in tmp_path.iterdir()} == {"alerts.jsonl", "m.csv"}


@pytest.mark.requirement("scan.bad-input")
def test_every_header_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,point,frequency\n1800000000,nobody,50\n")
    (tmp_path / "b.csv").write_text("time,point,hertz\n")
    with pytest.raises(BadFile, match="hertz"):
        scan_files(plants(), [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "alerts.jsonl")


def test_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "m.csv", STORY["s1-m"][:2])
    with pytest.raises(BadFile, match=r"nowhere.* cannot be written"):
        scan_files(plants(), [file], tmp_path / "nowhere" / "alerts.jsonl")


def test_the_command_takes_what_a_shell_makes_of_a_pattern(tmp_path: Path) -> None:
    """``--measurements *.csv`` becomes one option and further names."""
    save_registry(plants(), tmp_path / "registry.toml")
    files = [str(write_csv(tmp_path / f"{p}.csv", rows)) for p, rows in STORY.items()]
    out, registry = str(tmp_path / "alerts.jsonl"), str(tmp_path / "registry.toml")
    run = CliRunner().invoke(main, ["scan", "--registry", registry, "--measurements", *files, "--alerts", out])
    assert run.exit_code == 0, run.output
    assert run.stdout == f"{len(expected())} alerts written to {out}\n"
    assert [json.loads(line) for line in Path(out).read_text().splitlines()] == expected()


@pytest.mark.requirement("scan.bad-input")
def test_the_command_ends_with_2_and_one_line(tmp_path: Path) -> None:
    save_registry(plants(), tmp_path / "registry.toml")
    (tmp_path / "m.csv").write_text("time,point,frequency\nnoon,s1-m,50\n")
    names = [str(tmp_path / n) for n in ("registry.toml", "m.csv", "alerts.jsonl")]
    run = CliRunner().invoke(main, ["scan", "-r", names[0], "-m", names[1], "-o", names[2]])
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.endswith(f"error: {names[1]}:2: time: got 'noon'; expected epoch seconds or ISO 8601\n")
