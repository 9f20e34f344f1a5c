"""Who judges which samples, and what becomes of numbers that cannot be."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Sample
from stillcold_core.registry import Line, Permit, Point, Registry, Site
from stillcold_core.samples import by_columns, plausible
from stillcold_server.detection.judge import Judge
from stillcold_server.detection.subjects import AMONG_ALL, WITHIN_SITES, Subject, Subjects, subjects_of

SEALED = datetime(2026, 1, 1, tzinfo=UTC)
_STATES = {"f1": "sealed", "mill": "permitted", "works": "permitted", "alone": "permitted", "dark": "sealed"}
_SITES = {"f1": "a", "mill": "a", "works": "a", "alone": "b", "dark": "b"}
_POINTS = {
    "p1": ("f1", "feeder"), "w1": ("f1", "water"), "c1": ("f1", "contacts"), "p2": ("mill", "feeder"),
    "p0": ("works", "incomer"), "q0": ("alone", "incomer"), "q1": ("dark", "feeder"),
}  # fmt: skip
PLANTS = Registry(
    site=(Site("a", "a"), Site("b", "b")),
    line=tuple(
        Line(name, _SITES[name], name, state, 750e3, sealed_at=SEALED)  # type: ignore[arg-type]
        for name, state in _STATES.items()
    ),
    point=tuple(Point(name, line, role) for name, (line, role) in _POINTS.items()),  # type: ignore[arg-type]
    permit=(Permit("mill", SEALED, datetime(2026, 2, 1, tzinfo=UTC), "检修", "发改"),),
)


def watching(detector: str, subjects: Subjects | None = None) -> dict[str, str]:
    """Subject's id by point."""
    given = subjects_of(PLANTS) if subjects is None else subjects
    return {name: s.id for name, each in given.items() for s in each if s.detector.name == detector}


@pytest.mark.requirement("detection.subjects")
def test_every_point_of_a_line_tells_of_its_restart() -> None:
    assert watching("restart") == {name: line for name, (line, _) in _POINTS.items()}
    told = {s.id: s.told for each in subjects_of(PLANTS).values() for s in each if s.detector.name == "restart"}
    assert {line for line, is_told in told.items() if is_told} == {"f1", "dark"}


@pytest.mark.requirement("detection.subjects")
def test_a_furnace_is_looked_for_once_a_site() -> None:
    """On a permitted feeder, else on the permitted incomer; on a sealed line the restart says it."""
    assert set(watching("furnace")) == {"p2", "q0"}


@pytest.mark.requirement("detection.subjects")
def test_tampering_is_looked_for_on_sealed_and_permitted_lines_together() -> None:
    electrical = {name for name, (_, role) in _POINTS.items() if role in ("feeder", "incomer")}
    assert set(watching("tamper.point")) == electrical
    assert watching("tamper.fleet") == dict.fromkeys(electrical, "fleet")
    assert watching("tamper.site") == {"p0": "a", "p1": "a", "p2": "a", "w1": "a", "q0": "b", "q1": "b"}


def test_reported_work_is_known_to_whoever_looks_at_the_meter() -> None:
    by_point = {
        n: s.watched for n, each in subjects_of(PLANTS).items() for s in each if s.detector.name == "tamper.point"
    }
    assert by_point["p2"].reported == ((SEALED.timestamp(), datetime(2026, 2, 1, tzinfo=UTC).timestamp()),)
    assert by_point["p1"].reported == ()


def test_parts_of_the_registry_add_up_to_the_whole() -> None:
    parts = [
        *(subjects_of(PLANTS, sites=[site], scopes=WITHIN_SITES) for site in ("a", "b")),
        subjects_of(PLANTS, scopes=AMONG_ALL),
    ]
    keys = [{(point, s.key) for point, each in part.items() for s in each} for part in (*parts, subjects_of(PLANTS))]
    assert keys[0] | keys[1] | keys[2] == keys[3]
    assert sum(map(len, keys[:3])) == len(keys[3])


def test_numbers_that_no_meter_shows_are_absent() -> None:
    given = by_columns([Sample("p1", 0.0, {"frequency": 50.0, "power_factor": 7.0, "moon_phase": 1.0})])
    shown = plausible(given).columns
    assert shown["frequency"].tolist() == [50.0]
    assert math.isnan(shown["power_factor"][0])
    assert set(shown) == {"frequency", "power_factor"}
    assert given.columns["power_factor"].tolist() == [7.0]


def test_samples_of_strangers_and_empty_blocks_are_nothing() -> None:
    judge = Judge(subjects_of(PLANTS))
    empty = by_columns([Sample("p1", 0.0, {})]).part(0, 0)
    assert judge.feed(by_columns([Sample("stranger", 0.0, {"active_power": 1.0})])) == []
    assert judge.feed(empty) == []
    assert judge.states == judge.touched == {}
    assert plausible(by_columns([Sample("p1", 0.0, {})])).times.dtype == np.float64


@pytest.mark.requirement("detection.failure-stays-apart")
def test_a_detector_that_fails_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> tuple[object, list[Finding]]:
        raise ZeroDivisionError

    watching = subjects_of(PLANTS)["p1"]
    subject = Subject(replace(watching[0].detector, name="broken", advance=broken), "f1", None)
    judge = Judge({"p1": (subject, *watching)})
    for second in range(3):
        judge.feed(by_columns([Sample("p1", float(second), {"active_power": 0.0})]))
    assert judge.failed == {("broken", "f1"): 3}
    assert [r.message for r in caplog.records] == ["broken of f1 failed on a block of samples; said once"]
    assert set(judge.states) == {s.key for s in watching}
