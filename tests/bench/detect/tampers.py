"""The family tamper: every evasion on simulated plants, judged as the server does, and honest plants."""

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.detect.judges import Known, baselines
from bench.detect.trace import DAY, OURS, Trace
from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Sample
from stillcold_core.registry import Line, Point, Registry, Site
from stillcold_core.samples import Floats, Samples, by_columns
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.subjects import subjects_of
from support.said import first_said
from support.tamper_plants import BEGAN, Feeder, Story, evasions, permitted, played

HOUR = 3600.0
PLANS = {60.0: (7 * HOUR, 3 * HOUR), 900.0: (24 * HOUR, 12 * HOUR)}
"""s from one reading to the next: s at which an evasion begins, and how long it lasts."""
HONEST = {60.0: DAY, 900.0: 30 * DAY}
EVASIONS: Sequence[str] = tuple(evasions(random.Random(0), 1e5, 1e4))


def evaded(kind: str, _name: str, split: str, number: int) -> Iterator[Trace]:
    """One evasion on plants of its own, at every cadence."""
    for interval, (at, lasts) in PLANS.items():
        rng = random.Random(f"{number} {interval} {kind}")
        feeders = permitted(rng)
        tables, kinds = evasions(rng, at, lasts)[kind]
        if kind == "ratio cut" and feeders[0].profile == "chint-dtsu666":  # a secondary side: it would change nothing
            feeders = (replace(feeders[0], profile="eastron-sdm630"), *feeders[1:])
        story = Story(rng.randrange(10**6), interval, at + lasts + 1800, feeders, tables, at, lasts)
        yield from _judged(story, "tamper", kind, split, number, kinds)


def honest(_kind: str, _name: str, split: str, number: int) -> Iterator[Trace]:
    """Legal loads, a sealed line that restarts, faults on the wire: nothing of it is tampering."""
    for interval in HONEST:
        yield from _judged(_honest(number, interval), "legal", "plant with faults", split, number, ())


def _honest(number: int, interval: float) -> Story:
    rng = random.Random(f"honest {number} {interval}")
    feeders = permitted(rng, 4)
    more = "energised = false\nrunning = false"
    sealed = Feeder("sealed", '{ kind = "furnace" }', 450e3, "eastron-sdm630", more=more)
    feeders = (replace(feeders[0], water=True), *feeders[1:], sealed)
    duration, tables = HONEST[interval], '[[event]]\nmeter = "sealed"\nwhat = "run"\n'
    tables += f"at = {HONEST[interval] / 3}\nfor = 7200\n"
    for what in ("silence", "shifted", "swapped", "nan", "garbage"):
        meter, at = rng.choice(feeders).id, rng.uniform(0.1, 0.8) * duration
        tables += f'[[fault]]\nmeter = "{meter}"\nwhat = "{what}"\nat = {at:.0f}\nfor = {max(600, 3 * interval)}\n'
    return Story(rng.randrange(10**6), interval, duration, feeders, tables)


def _judged(story: Story, family: str, kind: str, split: str, number: int, kinds: tuple[str, ...]) -> Iterator[Trace]:
    with tempfile.TemporaryDirectory() as folder:
        rounds = list(played(story, Path(folder)))
    found = [f for f in judged(story, rounds) if f.kind.startswith("tamper.")]
    begins = story.at if kinds else -1.0
    until = BEGAN + (story.at if kinds else story.duration)
    meters = len(story.feeders) + story.metered
    rise = [(f.detected - until, 1.0) for f in found if kinds and f.detected >= until and f.kind in kinds]
    yield Trace(
        family, kind, f"all, {story.interval:g} s", OURS, split, number, story.interval,
        meters * (until - BEGAN) / DAY, [1.0 for f in found if f.detected < until], begins, story.lasts, rise[:1],
    )  # fmt: skip
    if kinds:
        yield from _baselines(story, rounds, kind, split, number)


def judged(story: Story, rounds: Sequence[Sequence[Sample]]) -> list[Finding]:
    """What the server's detectors say of a plant whose gateway sends every three minutes, or every reading."""
    judge, findings = Judge(subjects_of(registry_of(story))), list[Finding]()
    count = max(1, int(180 // story.interval))
    for first in range(0, len(rounds), count):
        batch: dict[str, list[Sample]] = {}
        for sample in (s for r in rounds[first : first + count] for s in r):
            batch.setdefault(sample.point, []).append(sample)
        for of_one in batch.values():
            findings += judge.feed(by_columns(of_one))
    return sorted(first_said(findings), key=lambda f: f.detected)


def registry_of(story: Story) -> Registry:
    """One site, a line for each feeder, the incomer's and the water meter's."""
    lines = [(f.id, 1.1 * f.power, "feeder", f.id) for f in story.feeders]
    if story.metered:
        lines.append(("in", sum(f.power for f in story.feeders), "incomer", "in"))
    points = [Point(point, line, role) for line, _, role, point in lines]  # type: ignore[arg-type]
    points += [Point("water", f.id, "water") for f in story.feeders if f.water]
    return Registry(
        site=(Site("s", "s"),),
        line=tuple(Line(line, "s", line, "permitted", rated) for line, rated, _, _ in lines),
        point=tuple(points),
    )


def _baselines(story: Story, rounds: Sequence[Sequence[Sample]], kind: str, split: str, number: int) -> Iterator[Trace]:
    """On the power of the meter that is tampered with."""
    first = by_columns([s for r in rounds for s in r if s.point == story.feeders[0].id])
    times: Floats = BEGAN + story.interval * np.arange(
        len(first), dtype=np.float64
    )  # as they came, whatever the meter's clock says
    columns = {q: c for q, c in first.columns.items() if q in ("active_power", "current_thd_l1")}
    samples = Samples("first", times, columns, first.monotonic)
    known = Known(
        "tamper", kind, f"power, {story.interval:g} s", split, number, story.interval, samples, story.duration / DAY,
        1.1 * story.feeders[0].power, story.at, story.lasts,
    )  # fmt: skip
    yield from baselines(known)
