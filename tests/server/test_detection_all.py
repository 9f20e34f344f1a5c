"""All detectors over one district: live, over files, cut in any way and after any crash the same is found."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, update

from stillcold_core.detect.findings import Finding, followed
from stillcold_core.readings import Sample
from stillcold_core.registry import Registry
from stillcold_core.samples import by_columns
from stillcold_server.alerts.lifecycle import record
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.live import Detection
from stillcold_server.detection.scan import alert_record, scan_files
from stillcold_server.detection.subjects import AMONG_ALL, WITHIN_SITES, said_by, subjects_of
from stillcold_server.ingest.writer import Writer
from stillcold_server.metrics import Metrics
from stillcold_server.registry.ledger import import_registry
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.district import EXPECTED, EXPONENTS, HOURS, START, district, minutes, samples
from support.gateway import SignedGateway
from support.measurements import write_csv

NOW = round(1000 * (START + HOURS * 3600))
Found = dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def stream() -> list[Sample]:
    return samples()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return district(SignedGateway().public_key)


@pytest.fixture(scope="module")
def found(registry: Registry, stream: list[Sample]) -> Found:
    """What one judge finds, minute by minute."""
    return judged(Judge(subjects_of(registry)), [60.0] * HOURS * 60, stream)


def judged(judge: Judge, cuts: Iterable[float], stream: Sequence[Sample]) -> Found:
    """What is found when all points deliver together, after so many seconds each time."""
    known: dict[str, Finding] = {}
    for part in _cut(stream, cuts):
        for _, of_point in groupby(sorted(part, key=lambda s: s.point), key=lambda s: s.point):
            for finding in judge.feed(by_columns(list(of_point))):
                assert said_by(finding) in {s.key for s in judge.subjects[finding.point]}
                known[finding.id] = followed(known[finding.id], finding) if finding.id in known else finding
    assert not judge.failed
    return {f.id: alert_record(f) for f in known.values()}


def _cut(stream: Sequence[Sample], cuts: Iterable[float]) -> Iterator[list[Sample]]:
    left, until = iter(stream), START
    for seconds in cuts:
        until += seconds
        part = list(islice(left, sum(1 for s in stream if until - seconds <= s.time < until)))
        if part:
            yield part


def live(engine: Engine, gateway: SignedGateway, every: int = 1) -> Callable[[], None]:
    """Store the district's samples, ``every`` minutes a batch; judges them when called."""
    with write(engine) as connection:
        import_registry(connection, district(gateway.public_key))
    passed = list(minutes())
    parts = [[s for minute in passed[i : i + every] for s in minute] for i in range(0, len(passed), every)]
    Writer(engine, Metrics()).take([(gateway.name, gateway.batch(part)) for part in parts], NOW)
    return lambda: catch_up(engine)


def catch_up(engine: Engine) -> None:
    Detection(engine, _recorded).follower().catch_up()


def _recorded(connection: Connection, finding: Finding) -> None:
    record(connection, finding, NOW)


def alerts(engine: Engine) -> Found:
    with read(engine) as connection:
        rows = connection.execute(select(schema.alert)).all()
    kept = ("id", "kind", "severity", "site", "line", "point", "reason", "evidence")
    return {r.id: {name: getattr(r, name) for name in kept} for r in rows}


def said(found: Found) -> Found:
    """Without times, which the store keeps in another form."""
    times = ("began", "detected", "ended")
    return {key: {name: v for name, v in values.items() if name not in times} for key, values in found.items()}


def test_something_of_everything_is_found(found: Found) -> None:
    assert {(f["kind"], f["line"]) for f in found.values()} >= EXPECTED


@pytest.mark.requirement("detection.cut")
@pytest.mark.parametrize("seed", range(2))
def test_any_cut_gives_the_same(registry: Registry, stream: list[Sample], found: Found, seed: int) -> None:
    rng = random.Random(seed)
    cuts = [rng.choice((60.0, 120.0, 180.0, 240.0)) for _ in range(HOURS * 60)]
    assert judged(Judge(subjects_of(registry)), cuts, stream) == found


@pytest.mark.requirement("detection.parts")
def test_sites_and_fleet_judged_apart_give_together_what_one_judge_gives(
    registry: Registry, stream: list[Sample], found: Found
) -> None:
    parts = [
        subjects_of(registry, sites=["north"], scopes=WITHIN_SITES),
        subjects_of(registry, sites=["south"], scopes=WITHIN_SITES),
        subjects_of(registry, scopes=AMONG_ALL),
    ]
    each = [judged(Judge(subjects), [60.0] * HOURS * 60, stream) for subjects in parts]
    assert each[0] | each[1] | each[2] == found
    assert sum(len(part) for part in each) == len(found)


@pytest.mark.requirement("detection.scan-is-live")
def test_live_and_over_files_the_same_is_found(
    engine: Engine, registry: Registry, stream: list[Sample], found: Found, tmp_path: Path
) -> None:
    live(engine, SignedGateway(exponents=EXPONENTS), every=3)()
    assert alerts(engine) == said(found)
    scan_files(registry, [write_csv(tmp_path / "m.csv", stream, EXPONENTS)], tmp_path / "alerts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert {alert["id"]: alert for alert in lines} == found


class _Clock:
    """Steps on by so much each time it is asked."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class _PowerCut(Exception):
    """The process ends here."""


@pytest.mark.requirement("detection.crash-safe")
@pytest.mark.parametrize("step", [0.0, 50.0])
def test_a_crash_between_checkpoints_gives_the_same(engine: Engine, found: Found, step: float) -> None:
    """States are never written, or some with each commit; the process dies at each kind and begins anew."""
    live(engine, SignedGateway(exponents=EXPONENTS), every=4)
    struck: set[str] = set()

    def on_finding(connection: Connection, finding: Finding) -> None:
        record(connection, finding, NOW)
        if finding.kind not in struck:
            struck.add(finding.kind)
            raise _PowerCut

    for _ in range(50):
        detection = Detection(engine, on_finding, clock=_Clock(step))
        try:
            if not detection.follower().catch_up():
                break
        except _PowerCut:
            continue
    assert alerts(engine) == said(found)
    assert struck == {f["kind"] for f in found.values()}
    with read(engine) as connection:
        transitions = connection.scalars(select(schema.alert_journal.c.transition)).all()
    ended = sum(f["ended"] is not None for f in found.values())
    assert sorted(transitions) == ["end"] * ended + ["raise"] * len(found)


@pytest.mark.requirement("detection.rebuilt")
def test_states_of_another_version_are_made_anew_and_nothing_is_told_twice(
    engine: Engine, found: Found, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = SignedGateway(exponents=EXPONENTS)
    live(engine, gateway)
    told: list[str] = []

    def on_finding(connection: Connection, finding: Finding) -> None:
        if record(connection, finding, NOW):
            told.append(finding.id)

    first = Detection(engine, on_finding).follower()
    for _ in range(5):  # up to the middle of the sixth hour, in which everything but the diesel set goes on
        first._next()
    first.stop()
    going_on = len(told)
    gone = Finding("tamper.ct", "critical", "south", "lathe", "p4", START + 3600, START + 4000, "", {})
    with write(engine) as connection:
        record(connection, gone, NOW)
        connection.execute(update(schema.detector_state).values(state=b"\x81\xa7version\xcd\x27\x0f"))
    Detection(engine, on_finding).follower().catch_up()
    assert "is made anew from the stored batches" in caplog.text
    assert len(told) == len(set(told)) == len(found) > going_on
    assert {key: alert for key, alert in alerts(engine).items() if key != gone.id} == said(found)
    with read(engine) as connection:
        ended = connection.scalar(select(schema.alert.c.ended).where(schema.alert.c.id == gone.id))
    assert ended == round(1000 * gone.detected)  # who said it is made anew, and says it no more
