"""Played stories in which every detector has something to find, cut as batches cut them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Sample
from stillcold_core.registry import Registry, load_registry
from stillcold_core.samples import Samples, by_columns
from stillcold_server.detection.subjects import Subject, subjects_of
from stillcold_sim.judging.offline import begin_of
from stillcold_sim.judging.reader import Reader
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario, find_scenario, load_scenario, seconds

BATCH = 30
"""Readings of a meter in a run of samples of one point."""
EXERCISES = (
    ("restart", "burst-minute", "f1"),
    ("restart", "blackout-restart", "f2"),
    ("restart", "energy-only-meter", "f1"),
    ("furnace", "furnace-every-second", "hall-p"),
    ("furnace", "furnace-power-only", "hall-p"),
    ("tamper.point", "tamper-frozen", "mf-p"),
    ("tamper.point", "tamper-replayed", "mf-p"),
    ("tamper.point", "tamper-clock-set-back", "mf-p"),
    ("tamper.point", "tamper-ct-reversed", "foundry-p"),
    ("tamper.point", "tamper-rolled-back", "foundry-p"),
    ("tamper.site", "tamper-ct-bypassed", "works"),
    ("tamper.fleet", "tamper-genset", "fleet"),
)
"""Detector, shipped scenario and subject."""

Runs = Sequence[Samples]


@dataclass(frozen=True)
class Exercise:
    """One detector's view of a story.

    Attributes
    ----------
    scenario : str
    subject : Subject
        The detector and what it watches.
    runs : tuple of Samples
        Of its points, in the order in which they came.
    """

    scenario: str
    subject: Subject
    runs: tuple[Samples, ...]

    def advance(self, state: Any, runs: Runs) -> tuple[Any, list[Finding]]:
        """The state after some runs, and what was found."""
        findings: list[Finding] = []
        for run in runs:
            state, found = self.subject.detector.advance(self.subject.watched, state, run)
            findings += found
        return state, findings

    def judged(self, runs: Runs) -> tuple[bytes, list[Finding]]:
        """The same from the beginning, with the state as bytes."""
        state, findings = self.advance(self.subject.detector.begin(), runs)
        return self.subject.detector.save(state), findings


@cache
def exercise(detector: str, scenario: str, subject: str) -> Exercise:
    """Play one of the exercises."""
    registry, runs = played(scenario)
    watching = {
        run.point: next((s for s in subjects_of(registry).get(run.point, ()) if s.key == (detector, subject)), None)
        for run in runs
    }
    found = next(s for s in watching.values() if s is not None)
    return Exercise(scenario, found, tuple(run for run in runs if watching[run.point] is not None))


@cache
def played(scenario: str) -> tuple[Registry, tuple[Samples, ...]]:
    """What the meters of a shipped scenario show, and the registry of its points, without permits."""
    story = load_scenario(find_scenario(scenario))
    registry = load_registry(find_scenario(scenario).parent / (story.file.registry or ""))
    runs = tuple(_runs(story))
    shown = {run.point for run in runs}
    points = tuple(p for p in registry.point if p.id in shown)
    return msgspec.structs.replace(registry, point=points, permit=()), runs


def _runs(story: Scenario) -> Iterator[Samples]:
    batch: dict[str, list[Sample]] = {}
    for n, samples in enumerate(_read(story), 1):
        for sample in samples:
            batch.setdefault(sample.point, []).append(sample)
        if n % BATCH == 0:
            yield from (by_columns(of_one) for of_one in batch.values())
            batch = {}
    yield from (by_columns(of_one) for of_one in batch.values())


def _read(story: Scenario) -> Iterator[list[Sample]]:
    plant = Plant(story, None, _forget)
    ports, seed, began = {p.id: p for p in story.file.port}, story.file.seed, begin_of(story)
    readers = [(m, Reader(m, ports[m.plan.spec.port], seed)) for m in plant.meters.values()]
    for t in np.arange(0.0, seconds(story.file.duration), story.file.interval).tolist():
        plant.advance(t)
        yield [
            # The gateway's monotonic clock runs on while the meter's is set.
            Sample(m.plan.spec.point, began + t + m.clock_error(t), reader.read(plant, t), 5000.0 + t)
            for m, reader in readers
        ]


def _forget(_record: Record) -> None:
    pass


def cut(runs: Runs, at: Sequence[int]) -> list[Samples]:
    """Cut runs at places that are counted in samples from the beginning of all."""
    cuts, first, pieces = sorted(set(at)), 0, []
    for run in runs:
        inside = [c - first for c in cuts if first < c < first + len(run)]
        pieces += [run.part(a, b) for a, b in pairwise([0, *inside, len(run)])]
        first += len(run)
    return pieces


def length(runs: Runs) -> int:
    """Samples of all runs."""
    return sum(map(len, runs))


def joined(runs: Runs) -> list[Samples]:
    """Runs of one point that follow each other made one."""
    found: list[Samples] = []
    for run in runs:
        goes_on = found and found[-1].point == run.point
        found.append(_together(found.pop(), run) if goes_on else run)
    return found


def _together(a: Samples, b: Samples) -> Samples:
    names = dict.fromkeys([*a.columns, *b.columns])
    columns = {name: np.concatenate([_column(s, name) for s in (a, b)]) for name in names}
    return Samples(a.point, np.concatenate([a.times, b.times]), columns, np.concatenate([a.monotonic, b.monotonic]))


def _column(samples: Samples, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = samples.columns.get(name)
    return np.full(len(samples), np.nan) if found is None else found
