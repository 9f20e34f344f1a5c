"""What scanning files costs: rows a second and memory, by size of the file, by load and by number of processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from stillcold_core.registry import Line, Point, Registry, Site, save_registry
from stillcold_server.measurements.files import read_measurements
from stillcold_server.measurements.spool import SpoolWriter

START = 1_767_225_600  # 2026-01-01
_CHUNK = 500_000  # rows that are made at a time
Floats = npt.NDArray[np.float64]
_SCAN = """
import resource, sys
from stillcold_server.cli import main
if __name__ == "__main__":
    main(sys.argv[1:], standalone_mode=False)
    print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""


def plant(sites: int = 1) -> Registry:
    """Sites with a sealed line and a feeder with a furnace and other loads, a point each."""
    ids = [f"s{i}" for i in range(sites)]
    sealed = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [
        line
        for s in ids
        for line in (
            Line(f"{s}-dead", s, "dead", "sealed", 750e3, sealed_at=sealed, measures=("power_cut",)),
            Line(f"{s}-live", s, "live", "permitted", 1200e3),
        )
    ]
    points = [Point(f"{line.id}-p", line.id, "feeder") for line in lines]
    return Registry(site=tuple(Site(s, s) for s in ids), line=tuple(lines), point=tuple(points))


def dead(times: Floats, seed: int) -> Mapping[str, Floats]:
    """Nothing but the noise of current transformers."""
    rng = np.random.default_rng(seed)
    n = len(times)
    columns = {f"voltage_l{k}": np.zeros(n) for k in (1, 2, 3)}
    columns |= {f"current_l{k}": np.abs(rng.normal(0, 0.3, n)).round(2) for k in (1, 2, 3)}
    columns |= {"active_power": np.zeros(n), "power_factor": np.ones(n)}
    return columns | {"frequency": np.zeros(n), "active_energy_import": np.full(n, 5_009_660_000.0)}


def live(times: Floats, seed: int) -> Mapping[str, Floats]:
    """A workshop by day, with voltages and frequency of a grid."""
    rng = np.random.default_rng(seed)
    n = len(times)
    hour = times / 3600 % 24
    power = (np.where((hour > 8) & (hour < 18), 300e3, 40e3) * (1 + rng.normal(0, 0.02, n))).round(0)
    columns = {f"voltage_l{k}": rng.normal(228, 1.2, n).round(1) for k in (1, 2, 3)}
    columns |= {f"current_l{k}": (power / 3 / 228 / 0.9 * (1 + rng.normal(0, 0.005, n))).round(2) for k in (1, 2, 3)}
    energy = 1e9 + np.floor(np.where((hour > 8) & (hour < 18), 300e3, 40e3).mean() * (times - START) / 3600 / 10) * 10
    columns |= {"active_power": power, "power_factor": rng.normal(0.9, 0.01, n).round(3)}
    return columns | {"frequency": rng.normal(50, 0.01, n).round(2), "active_energy_import": energy}


LOADS = {"dead": dead, "live": live}


def tables(points: Mapping[str, str], seconds: int, interval: float = 1.0) -> Iterator[pa.Table]:
    """Rows of points interleaved in time, some at a time; ``points`` gives the load of each."""
    every = max(_CHUNK // len(points), 1)
    steps = int(seconds / interval)
    for first in range(0, steps, every):
        times = START + interval * np.arange(first, min(first + every, steps), dtype=np.float64)
        yield _interleaved(points, times, first)


def _interleaved(points: Mapping[str, str], times: Floats, seed: int) -> pa.Table:
    shown = [LOADS[load](times, seed + 7 * i) for i, load in enumerate(points.values())]
    order = np.arange(len(times) * len(points)).reshape(len(points), -1).T.ravel()
    names = list(shown[0])
    columns = {n: np.concatenate([s[n] for s in shown])[order] for n in names}
    ids = np.repeat(np.array(list(points)), len(times))[order]
    return pa.table({"time": np.tile(times, len(points))[order], "point": ids, **columns})


def write_csv(path: Path, made: Iterator[pa.Table]) -> Path:
    """A file of the tables, without quotes around numbers."""
    options = pa_csv.WriteOptions(quoting_style="needed")
    first = next(made)
    with pa_csv.CSVWriter(path, first.schema, write_options=options) as writer:
        writer.write(first)
        for table in made:
            writer.write(table)
    return path


def write_parquet(path: Path, made: Iterator[pa.Table]) -> Path:
    """The same as Parquet."""
    first = next(made)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for table in made:
            writer.write_table(table)
    return path


def scan(folder: Path, registry: Registry, measurements: Path, jobs: int = 1) -> tuple[float, float]:
    """Scan in a process of its own.

    Returns
    -------
    seconds : float
    megabytes : float
        Most memory of that process, or of one of those that it starts.
    """
    save_registry(registry, folder / "registry.toml")
    (folder / "scan.py").write_text(_SCAN)
    words = ["-r", "registry.toml", "-m", str(measurements), "-o", "alerts.jsonl", "-j", str(jobs)]
    started = time.perf_counter()
    command = [sys.executable, "scan.py", "scan", *words]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - started, int(done.stdout.split()[-1]) / 1024


def days() -> float:
    """Days of 1-s data of one point."""
    return float(os.environ.get("SCAN_DAYS", "10"))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_reading_alone(tmp_path: Path, form: str) -> None:
    """Into a spool."""
    made = tables({"s0-live-p": "live"}, int(days() * 86400))
    file = (write_csv if form == "csv" else write_parquet)(tmp_path / f"m.{form}", made)
    started, count = time.perf_counter(), 0
    with SpoolWriter(tmp_path / "rows", ["s0-live-p"]) as writer:
        for rows in read_measurements(file, {"s0-live-p": 0}):
            writer.add(rows)
            count += len(rows)
        writer.finish()
    seconds = time.perf_counter() - started
    print(f"\n{form}: {count / seconds:,.0f} rows/s, {file.stat().st_size / seconds / 1e6:.0f} MB/s")


@pytest.mark.parametrize("load", LOADS)
def test_a_year_of_a_point(tmp_path: Path, load: str) -> None:
    """Told from some days of it, every detector on; the compiler has run before."""
    points = {f"s0-{load}-p": load}
    file = write_csv(tmp_path / "m.csv", tables(points, int(days() * 86400)))
    short = write_csv(tmp_path / "short.csv", tables(points, 30_000))
    scan(tmp_path, plant(), short)
    start, _ = scan(tmp_path, plant(), short)
    seconds, megabytes = scan(tmp_path, plant(), file)
    rate = (days() * 86400 - 30_000) / (seconds - start)
    print(
        f"\n{load}: {rate:,.0f} rows/s after a start of {start:.1f} s, a year at 1 s in "
        f"{365 * 86400 / rate / 60:.1f} min, {megabytes:.0f} MB"
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_cores(tmp_path: Path, jobs: int) -> None:
    """Eight points of four sites, interleaved."""
    registry = plant(4)
    points = {p.id: p.id.split("-")[1] for p in registry.point}
    file = write_csv(tmp_path / "m.csv", tables(points, int(days() * 86400 / 8)))
    scan(tmp_path, registry, file, jobs)
    seconds, megabytes = scan(tmp_path, registry, file, jobs)
    print(f"\n{jobs} processes: {days() * 86400 / seconds:,.0f} rows/s, {megabytes:.0f} MB each at most")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Four dead lines, interleaved; files of one and of eight sizes."""
    registry = plant(4)
    points = {p.id: "dead" for p in registry.point if "dead" in p.id}
    used = {}
    for times in (1, 8):
        file = write_csv(tmp_path / "m.csv", tables(points, int(times * days() * 86400 / 8)))
        _, used[times] = scan(tmp_path, registry, file, 2)
        print(f"\n{file.stat().st_size / 1e9:.2f} GB: {used[times]:.0f} MB of memory")
    assert used[8] < 1.5 * used[1]
