"""The demo's table: what should have come, what came, and who was told."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stillcold_sim.demo.report import Part, Row, judge, table_of
from stillcold_sim.scenario import Scenario, find_scenario, load_scenario

STARTED = 1_700_000_000.0
REGISTRY = """
[[site]]
id = "s"
name = "s"
[[line]]
id = "f1"
site = "s"
name = "f1"
state = "permitted"
rated_power = 1000
[[point]]
id = "p1"
line = "f1"
role = "feeder"
"""
STORY = """
name = "test"
registry = "registry.toml"
[[port]]
id = "bus"
[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p1"
load = { kind = "dead" }

[[expect]]
line = "f1"
at = 20
kinds = ["restart.power", "restart.voltage"]
within = 10
"""


def alert(kind: str, second: float, state: str, detail: str = "", line: str = "f1") -> dict[str, Any]:
    """An alert as the API gives it, raised at a second of the story."""
    delivery = {"channel": "phone", "state": state, "detail": detail}
    raised = f"2023-11-14T22:13:{20 + second:06.3f}Z"
    return {"kind": kind, "line": line, "incident": line, "raised_at": raised, "deliveries": [delivery]}


@pytest.fixture
def load(write: Callable[[str], Path]) -> Callable[[str], Scenario]:
    """Load a scenario with one line beside its registry."""

    def loaded(text: str) -> Scenario:
        path = write(text)
        path.with_name("registry.toml").write_text(REGISTRY, encoding="utf-8")
        return load_scenario(path)

    return loaded


@pytest.fixture
def story(load: Callable[[str], Scenario]) -> Scenario:
    """One line that must give two alerts."""
    return load(STORY)


@pytest.mark.requirement("sim.demo.verdicts")
def test_late_missing_and_unexpected_alerts_are_told_apart(story: Scenario) -> None:
    """Of the expected line and of any other."""
    alerts = [
        alert("restart.power", 31, "delivered"),
        alert("restart.energy", 25, "delivered"),
        alert("restart.power", 5, "delivered", line="f2"),
    ]
    verdicts = {(r.line, r.kind): r.verdict for r in judge([Part(story, STARTED)], alerts, {})}
    assert verdicts == {
        ("f1", "restart.power"): "late",
        ("f1", "restart.voltage"): "missing",
        ("f1", "restart.energy"): "unexpected",
        ("f2", "restart.power"): "unexpected",
    }


@pytest.mark.requirement("sim.demo.verdicts")
def test_what_happened_before_is_judged_by_the_sample_that_decided(story: Scenario) -> None:
    """However late the gateway handed it over; long delays are said in minutes."""
    late = alert("restart.power", 39, "delivered") | {"detected": "2023-11-14T22:13:45.000Z"}
    parts = [Part(story, STARTED), Part(story, STARTED, "detected")]
    told = judge(parts[1:], [late], {})[0]
    assert (told.delay, told.verdict) == (5.0, "ok")
    assert judge(parts[:1], [late], {})[0].verdict == "late"
    screen = Console(file=io.StringIO(), width=200)
    screen.print(table_of([Row("f1", "melts", "furnace.induction", 4260.0, "phone", "ok")]))
    assert isinstance(screen.file, io.StringIO)
    assert "71 min" in screen.file.getvalue()


@pytest.mark.requirement("sim.demo.told")
def test_the_table_says_who_was_told_and_with_which_alert(story: Scenario) -> None:
    """An alert that joined an incident went with the one that was told; the reasons are words for people."""
    alerts = [
        alert("restart.voltage", 26, "skipped", "joined_incident"),
        alert("restart.power", 26, "delivered", "HTTP 200"),
    ]
    assert [(r.kind, r.delivered, r.verdict) for r in judge([Part(story, STARTED)], alerts, {})] == [
        ("restart.power", "phone", "ok"),
        ("restart.voltage", "with restart.power", "ok"),
    ]
    approved = judge([Part(story, STARTED)], [alert("restart.power", 26, "skipped", "permit")], {})
    assert approved[0].delivered == "nobody, it was approved"
    failed = judge([Part(story, STARTED)], [alert("restart.power", 26, "failed", "HTTP 500")], {})
    assert failed[0].delivered == "failed: HTTP 500"


def test_a_sentence_of_the_story_stands_beside_the_first_alert_only() -> None:
    """Every line of the demo has one."""
    for name in ("demo", "demo-night"):
        scenario = load_scenario(find_scenario(name))
        rows = judge([Part(scenario, STARTED)], [], {})
        assert {r.line: r.happened for r in rows} == {e.line: e.story for e in scenario.file.expect}
        assert all(e.story for e in scenario.file.expect)
    screen = Console(file=io.StringIO(), width=200)
    screen.print(
        table_of([Row("f1", "melts", kind, 1.0, "phone", "ok") for kind in ("restart.power", "restart.energy")])
    )
    assert isinstance(screen.file, io.StringIO)
    assert screen.file.getvalue().count("melts") == 1


def test_kinds_are_whole_words_on_a_narrow_terminal() -> None:
    """However long what stands beside them is."""
    screen = Console(file=io.StringIO(), width=80)
    rows = [Row("kc-002-f1", "melts, although it was cut off", "restart.voltage", 5.0, "with restart.power", "ok")]
    screen.print(table_of(rows))
    assert isinstance(screen.file, io.StringIO)
    printed = screen.file.getvalue()
    assert "restart.voltage" in printed
    assert " ok" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_events_and_faults_stand_in_for_a_sentence(load: Callable[[str], Scenario]) -> None:
    """Where the scenario gives none; the load, where nothing happens either."""
    event = '\n[[event]]\nat = 20\nfor = 25\nmeter = "m"\nwhat = "run"\n'
    assert judge([Part(load(STORY + event), STARTED)], [], {})[0].happened == "run 20–45 s"
    assert judge([Part(load(STORY), STARTED)], [], {})[0].happened == "dead"
