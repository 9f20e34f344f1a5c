"""What the server finds in a scenario of the library when the agent keeps every reading, and when it thins them."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillcold_agent.batcher import Batcher
from stillcold_agent.config import Batch
from stillcold_agent.deadbands import Quiet, default_deadbands
from stillcold_agent.edge import Watch
from stillcold_agent.meters import Meter
from stillcold_agent.thinning import Thinner
from stillcold_core.contract.batch import block_of
from stillcold_core.detect import restart
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.findings import Finding
from stillcold_core.profiles import plan_reads
from stillcold_core.readings import Absence, Sample, Value
from stillcold_core.registry import Registry, load_registry
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.live import status_row
from stillcold_server.detection.subjects import subjects_of
from stillcold_sim.judging.offline import play
from stillcold_sim.scenario import MeterPlan, find_scenario, load_scenario


@dataclass(frozen=True, slots=True)
class Night:
    """A scenario as it is read once a second.

    Attributes
    ----------
    registry : Registry
        Of the plant.
    meters : dict of str to Meter
        By point; those of sealed lines are thinned.
    samples : list of Sample
        In the order in which they are read.
    """

    registry: Registry
    meters: dict[str, Meter]
    samples: list[Sample]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it.

    Attributes
    ----------
    alerts : dict of str to Finding
        As they stand at the end, by id.
    lines : dict of str to dict
        Condition of each sealed line, and the seconds counted under each.
    samples : int
        That were recorded.
    """

    alerts: dict[str, Finding]
    lines: dict[str, dict[str, Any]]
    samples: int


def played(name: str, folder: Path, duration: float | None = None) -> Night:
    """Play a scenario of the library."""
    path = find_scenario(name)
    scenario = load_scenario(path)
    registry = load_registry(path.parent / str(scenario.file.registry))
    play(scenario, folder / "m.csv", interval=1.0, duration=duration)
    meters = {m.spec.point: _meter(m, registry) for m in scenario.meters}
    with (folder / "m.csv").open(encoding="utf-8", newline="") as file:
        return Night(registry, meters, [_sample(row, meters) for row in csv.DictReader(file)])


def found(night: Night, *, thin: bool) -> Found:
    """Read, record, and judge batch by batch."""
    judge, alerts, count = Judge(subjects_of(night.registry)), dict[str, Finding](), 0
    for batch in _batches(night, thin=thin):
        for point, samples in batch.items():
            count += len(samples)
            block = block_of(samples, "any", night.meters[point].exponents)
            alerts |= {f.id: f for f in judge.feed(block.numbers())}
    lines = {k[1]: status_row(k[1], s) for k, s in judge.states.items() if k[0] == restart.DETECTOR.name}
    return Found(alerts, lines, count)


def _batches(night: Night, *, thin: bool) -> Iterator[Any]:
    batcher = Batcher(Batch())
    watches = {p: Watch(m) for p, m in night.meters.items()}
    thinners = {p: Thinner(m.quiet, m.interval) for p, m in night.meters.items() if m.quiet and thin}
    for sample in night.samples:
        verdict = watches[sample.point].judge(sample)
        kept = thinners[sample.point].take(sample, verdict) if sample.point in thinners else [sample]
        for closed in (batcher.due(sample.monotonic), batcher.add(kept, verdict, sample.monotonic)):
            if closed:
                yield closed.samples
    if last := batcher.close("stop"):
        yield last.samples


def _meter(plan: MeterPlan, registry: Registry) -> Meter:
    points = {p.id: p.line for p in registry.point}
    line = next(each for each in registry.line if each.id == points[plan.spec.point])
    limits = None
    if line.state == "sealed":
        limits = DeadLineLimits(
            line.rated_power, line.nominal_voltage, "power_cut" in line.measures, "water_cut" in line.measures
        )
    quantities = list(plan.profile.by_quantity)
    return Meter(
        plan.spec.point, "b", 1, 1.0, plan.profile, plan.spec.ratios, plan_reads(plan.profile),
        plan.profile.exponents, limits, line.rated_power,
        Quiet(10.0, default_deadbands(quantities, limits)) if limits else None,
    )  # fmt: skip


def _sample(row: dict[str, str], meters: dict[str, Meter]) -> Sample:
    time, meter = float(row["time"]), meters[row["point"]]
    values: dict[str, Value] = {q: float(row[q]) if row[q] else Absence.TIMEOUT for q in meter.exponents}
    return Sample(row["point"], time, values, time - 1_700_000_000.0)
