"""What judging costs the server: a fleet read once a second in blocks of a minute, every detector on.

Told for ten thousand points: the share of a core by detector, by CPU time whatever else the machine does; memory; and
what is written to the database.
"""

import gc
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from stillcold_core.detect.findings import Finding
from stillcold_core.profiles import load_profile
from stillcold_core.registry import Gateway, Line, Point, Registry, Site
from stillcold_core.samples import Floats, Samples, plausible
from stillcold_server.detection.compiled import compile_detectors
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.live import CHECKPOINT, Detection
from stillcold_server.detection.states import save_states
from stillcold_server.detection.subjects import Subject, subjects_of
from stillcold_server.followers import Stored, load_batches, position
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store.database import read, write
from stillcold_sim.fleet import FleetFile, registry_of
from stillcold_sim.fleet.gateway import FleetGateway

START = 1_800_000_000.0
POINTS = 10_000
BLOCK = 60  # samples
SITES, MINUTES = 50, 180
_WARM = 30  # minutes that are judged before the clock runs


def plants() -> Registry:
    """Sites of a sealed line, two feeders that run, and their incomer."""
    sealed = datetime(2026, 1, 1, tzinfo=UTC)
    site, line, point = [], [], []
    for s in (f"s{i}" for i in range(SITES)):
        site.append(Site(s, s))
        line.append(Line(f"{s}-f", s, "f", "sealed", 750e3, sealed_at=sealed, measures=("power_cut",)))
        line += [Line(f"{s}-{n}", s, n, "permitted", 1e6) for n in ("a", "b", "in")]
        point += [Point(f"{s}-{n}", f"{s}-{n}", "feeder", "gw") for n in ("f", "a", "b")]
        point.append(Point(f"{s}-in", f"{s}-in", "incomer", "gw"))
    return Registry(tuple(site), tuple(line), (Gateway("gw", "ed25519:" + "A" * 43 + "="),), tuple(point))


def blocks(minute: int, hertz: Floats, registers: dict[str, float]) -> Iterator[Samples]:
    """One minute of all points; ``registers`` are those of energy, Wh, and go on."""
    times = START + 60.0 * minute + np.arange(BLOCK, dtype=np.float64)
    for s in range(SITES):
        rng = np.random.default_rng([s, minute])
        melting = (minute + 7 * s) % 100 < 70
        loads = {"f": np.zeros(BLOCK), "a": _load(rng, 300e3), "b": _load(rng, 60e3 + 500e3 * melting)}
        loads["in"] = (loads["a"] + loads["b"]) * 1.004
        for name, power in loads.items():
            point, thd = f"s{s}-{name}", 26.0 if name == "b" and melting else 6.0
            energy = registers.get(point, 5e9 + 1237) + np.cumsum(power) / 3600
            registers[point] = float(energy[-1])
            yield Samples(point, times, _shown(rng, power, thd, hertz, np.floor(energy)), times - START)


def _load(rng: np.random.Generator, power: float) -> Floats:
    return power * (1 + 0.02 * rng.standard_normal(BLOCK))


def _shown(rng: np.random.Generator, power: Floats, thd: float, hertz: Floats, energy: Floats) -> dict[str, Floats]:
    dead = not power.any()
    volts = np.zeros((3, BLOCK)) if dead else (229 + 0.8 * rng.standard_normal((3, BLOCK))).round(1)
    amperes = np.abs(rng.normal(0, 0.3, (3, BLOCK))) if dead else 1.05 * power / 3 / volts
    columns = {f"voltage_l{i}": v for i, v in enumerate(volts, 1)}
    columns |= {f"current_l{i}": a.round(2) for i, a in enumerate(amperes, 1)}
    columns |= {f"active_power_l{i}": (power / 3).round() for i in (1, 2, 3)}
    columns |= {f"current_thd_l{i}": (thd + rng.standard_normal(BLOCK)).round(1) for i in (1, 2, 3)}
    columns |= {"active_power": power.round(), "reactive_power": (0.3 * power).round()}
    columns |= {"frequency": np.zeros(BLOCK) if dead else hertz, "active_energy_import": energy}
    return columns


class Timed(Judge):
    """A judge that counts the seconds of each detector."""

    seconds: dict[str, float]

    def judge(self, subject: Subject, samples: Samples) -> list[Finding]:
        began = time.process_time()
        found = super().judge(subject, samples)
        self.seconds[subject.detector.name] += time.process_time() - began
        return found


def test_ten_thousand_points_once_a_second(engine: Engine) -> None:
    began = time.process_time()
    compiled = compile_detectors()
    print(f"\ncompiled: {compiled}, in {time.process_time() - began:.1f} s")
    judge = Timed(subjects_of(plants()))
    judge.seconds = defaultdict(float)
    before = 0.0
    whole, count, findings, bounds = 0.0, 0, 0, 0.0
    rng, registers = np.random.default_rng(1), dict[str, float]()
    for minute in range(MINUTES):
        made = list(blocks(minute, (50 + 0.02 * rng.standard_normal() + np.zeros(BLOCK)).round(2), registers))
        began = time.process_time()
        for samples in made:
            findings += len(judge.feed(samples))
        took = time.process_time() - began
        if minute == 0:
            gc.collect()
            before = _resident()
            print(f"first minute, with what is compiled or loaded at the first call: {took:.1f} s")
        if minute < _WARM:
            judge.seconds.clear()
            continue
        whole, count = whole + took, count + len(made)
        began = time.process_time()
        for samples in made:
            plausible(samples)
        bounds += time.process_time() - began
    _tell(judge, whole, count, bounds, findings)
    gc.collect()
    print(f"memory {(_resident() - before) / (4 * SITES) * POINTS / 1e6:.0f} MB for {POINTS} points")
    _tell_states(engine, judge)


def test_the_follower_of_a_fleet(engine: Engine) -> None:
    """Signed batches of a minute, one point each, from the store through every detector to the commit."""
    compile_detectors()
    fleet = FleetFile(gateways=200, duration=600, restarts=0.02)
    gateways = [FleetGateway(fleet, load_profile(fleet.profile), i, START) for i in range(fleet.gateways)]
    with write(engine) as connection:
        import_registry(connection, registry_of(fleet))
    turns = [(fleet.gateway_id(i), g.make().envelope) for _ in range(10) for i, g in enumerate(gateways)]
    Writer(engine, Metrics()).take(turns, round(1000 * (START + fleet.duration)))
    follower = Detection(engine, lambda *_: None).follower()
    began = time.process_time()
    done = follower.catch_up()
    took = time.process_time() - began
    began = time.process_time()
    follower.stop()
    closed = time.process_time() - began
    each = took / len(turns)
    print(f"\n{len(turns)} batches, {done} judged: {1e6 * each:.0f} µs each, {each * POINTS / BLOCK:.0%} of a core")
    print(f"written at the end: {closed:.2f} s")
    began = time.process_time()
    Detection(engine, lambda *_: None).prepare(_newest(engine))
    print(f"taken up again, with one more batch: {time.process_time() - began:.2f} s")


def _newest(engine: Engine) -> list[Stored]:
    with read(engine) as connection:
        return load_batches(connection, position(connection, "detection") - 1, 1)


def _tell(judge: Timed, whole: float, count: int, bounds: float, findings: int) -> None:
    rate = POINTS / BLOCK  # blocks a second
    each = whole / count
    print(f"{count} blocks, {findings} findings: {1e6 * each:.0f} µs a block, {each * rate:.0%} of a core")
    parts = {**judge.seconds, "bounds": bounds}
    for name, seconds in parts.items():
        print(f"  {name:14} {1e6 * seconds / count:7.0f} µs a block  {seconds / count * rate:7.1%} of a core")


def _tell_states(engine: Engine, judge: Judge) -> None:
    sizes: dict[str, list[int]] = defaultdict(list)
    for subject in judge.touched.values():
        sizes[subject.detector.name].append(len(subject.detector.save(judge.states[subject.key])))
    for name, each in sizes.items():
        print(f"  state of {name:14} mean {np.mean(each) / 1e3:6.1f} kB, most {max(each) / 1e3:6.1f} kB")
    began = time.process_time()
    with write(engine) as connection:
        save_states(connection, judge.touched.values(), judge.states, 1, 1)
    took = time.process_time() - began
    fleet = POINTS / (4 * SITES)
    size, took = sum(map(sum, sizes.values())) * fleet, took * fleet
    print(f"all states: {size / 1e6:.0f} MB, {took:.1f} s to write")
    for seconds in (BLOCK, CHECKPOINT):
        print(f"  every {seconds:.0f} s: {size / seconds / 1e6:.2f} MB/s and {took / seconds:.1%} of a core")


def _resident() -> float:
    """Bytes of this process in memory now."""
    return float(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
