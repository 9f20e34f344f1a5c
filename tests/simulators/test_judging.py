"""A scenario as a test: run, check and score."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stillcold_core.profiles import load_profile
from stillcold_core.registry import load_registry
from stillcold_sim.cli import main
from stillcold_sim.judging.alerts import Alert
from stillcold_sim.judging.expected import compare
from stillcold_sim.judging.offline import begin_of, play
from stillcold_sim.judging.score import score
from stillcold_sim.judging.truth import Episode, Truth, load_truth
from stillcold_sim.scenario import Scenario, find_scenario, load_scenario
from stillcold_sim.serve import serving

METER = """
[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p"
load = { kind = "steady", power = 12e3 }
running = false
"""
INF = float("inf")


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.requirement("sim.run.same-bytes")
async def test_two_runs_give_the_same_bytes_and_the_truth_of_serve(tmp_path: Path) -> None:
    """Measurements and truth; another seed gives others."""
    demo = load_scenario(find_scenario("demo"))
    for name, seed in (("a", None), ("b", None), ("c", 99)):
        play(demo, tmp_path / name, tmp_path / f"{name}.truth", interval=1.0, seed=seed, duration=40)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()
    assert (tmp_path / "a.truth").read_bytes() == (tmp_path / "b.truth").read_bytes()
    async with serving(demo, speed=200, truth=tmp_path / "served") as served:
        await served.reached(40.0)
    assert _told(tmp_path / "served") == _told(tmp_path / "a.truth")


def _told(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in {"time", "interval"}} for line in lines if line["t"] <= 40]


@pytest.mark.requirement("sim.run.as-shown")
def test_measurements_are_what_the_registers_show(scenario: Callable[[str], Scenario], tmp_path: Path) -> None:
    """Rounded as the meter rounds, empty where it does not answer, register by register."""
    story = scenario(
        METER.replace("eastron-sdm630", "acrel-adw300") + "ratios = { ct = 60 }\n"
        '[[event]]\nat = 2\nmeter = "m"\nwhat = "run"\n'
        '[[fault]]\nat = 4\nfor = 1\nmeter = "m"\nwhat = "silence"\n'
        '[[fault]]\nat = 5\nfor = 1\nport = "bus"\nwhat = "refused"\n'
        '[[fault]]\nat = 6\nfor = 1\nmeter = "m"\nwhat = "exception"\nregisters = [62, 62]\n'
    )
    play(story, tmp_path / "m.csv", interval=1.0, duration=8)
    rows = _rows(tmp_path / "m.csv")
    assert [float(row["time"]) - begin_of(story) for row in rows] == list(range(9))
    power = [row["active_power"] for row in rows]
    assert power[:2] == ["0", "0"]
    assert power[4:6] == ["", ""]
    assert [row["active_energy_import"] == "" for row in rows][4:] == [True, True, True, False, False]
    step = load_profile("acrel-adw300").register_of("active_power").factor(story.meters[0].spec.ratios)
    shown = [float(p) for p in power if p]
    assert all(p / step == pytest.approx(round(p / step)) for p in shown)
    assert shown[-1] == pytest.approx(12e3, rel=0.05)


def test_run_says_how_fast_and_begins_when_told(tmp_path: Path) -> None:
    """With a time that has an offset."""
    out = tmp_path / "m.csv"
    result = _run(
        "run", "night-restart", "-m", out, "--interval=60", "--duration=600", "--begin", "2026-05-01T00:00:00Z"
    )
    assert result.exit_code == 0, result.output
    assert result.output.startswith("11 readings of 1 meters, 600 s in ")
    assert _rows(out)[0]["time"] == "1777593600"
    assert _run("run", "night-restart", "-m", out, "--begin", "2026-05-01").exit_code == 2


@pytest.mark.requirement("sim.check")
def test_check_passes_a_scenario_and_fails_one_that_expects_something_else(tmp_path: Path) -> None:
    """By the server's own detection."""
    text = find_scenario("demo").read_text(encoding="utf-8")
    registry = find_scenario("demo").parent / "demo-registry.toml"
    (tmp_path / "demo-registry.toml").write_text(registry.read_text(encoding="utf-8"), encoding="utf-8")
    wrong = text.replace('name = "demo"', 'name = "wrong"').replace('"restart.voltage", ', '"furnace.induction", ')
    (tmp_path / "wrong.toml").write_text(wrong, encoding="utf-8")
    result = _run("check", "demo", tmp_path / "wrong.toml", "--json", "--keep", tmp_path / "kept")
    assert result.exit_code == 1, result.output
    good, bad = json.loads(result.output)
    assert good["passed"]
    assert good["score"]["recall"] == 1.0
    assert good["score"]["false"] == 0
    assert {(r["kind"], r["verdict"]) for r in bad["rows"]} >= {
        ("furnace.induction", "missing"), ("restart.voltage", "unexpected"), ("restart.power", "ok"), ("", "ok"),
    }  # fmt: skip
    kept = tmp_path / "kept"
    scored = _run("score", kept / "demo.truth.jsonl", kept / "demo.alerts.jsonl", "-r", registry)
    assert scored.exit_code == 0, scored.output
    assert "recall 100%" in scored.output


def test_what_is_no_test_cannot_be_checked(tmp_path: Path) -> None:
    """Without a registry."""
    (tmp_path / "s.toml").write_text('name = "s"\nmeter = []\nport = []\n')
    result = _run("check", tmp_path / "s.toml")
    assert result.exit_code == 2
    assert "registry: missing" in result.output


def test_alerts_that_come_early_late_or_unasked_are_told(scenario: Callable[[str], Scenario]) -> None:
    """A line that is not named may say anything."""
    story = scenario(
        METER + '[[expect]]\nline = "a"\nat = 10\nwithin = 5\nmay = ["k.may"]\n'
        'kinds = ["k.early", "k.late", "k.ok", "k.none"]\n[[expect]]\nline = "b"\n'
    )
    said = [_alert(k, "a", t) for k, t in (("k.early", 5), ("k.ok", 12), ("k.late", 20), ("k.may", 1), ("k.other", 2))]
    rows = compare(story, 0.0, [*said, _alert("k.x", "c", 1)])
    assert {(r.line, r.kind): (r.delay, r.verdict) for r in rows} == {
        ("a", "k.early"): (-5, "early"), ("a", "k.late"): (10, "late"), ("a", "k.ok"): (2, "ok"),
        ("a", "k.none"): (None, "missing"), ("a", "k.other"): (None, "unexpected"), ("b", ""): (None, "ok"),
    }  # fmt: skip


def _alert(kind: str, line: str, detected: float, *, began: float | None = None, ended: float = INF) -> Alert:
    return Alert(kind, line, line, detected if began is None else began, detected, ended)


def _verdicts(episodes: Sequence[Episode], alerts: Sequence[Alert]) -> list[tuple[str, float | None]]:
    result = score(Truth(tuple(episodes), 1000.0, 1.0), alerts, None)
    return [(o.verdict, o.delay) for o in result.outcomes] + [("false", None) for _ in result.false]


def _episode(what: str, began: float, ended: float = INF, **values: float) -> Episode:
    return Episode(what, ("p",), began, ended, values)


@pytest.mark.requirement("sim.score")
@pytest.mark.parametrize(
    ("episodes", "alerts", "verdicts"),
    [
        ([_episode("run", 10, 90)], [_alert("restart.power", "p", 15)], [("found", 5)]),
        ([_episode("run", 10, 90)], [], [("missed", None)]),
        ([_episode("run", 10, 90)], [_alert("restart.power", "q", 15)], [("missed", None), ("false", None)]),
        ([_episode("run", 10, 90)], [_alert("restart.power", "p", 5)], [("missed", None), ("false", None)]),
        ([_episode("run", 10, 90)], [_alert("restart.power", "p", 400)], [("missed", None), ("false", None)]),
        ([_episode("run", 10, 90)], [_alert("tamper.frozen", "p", 15)], [("missed", None), ("false", None)]),
        ([_episode("run", 10, 90)], [_alert("restart.energy", "p", 200, began=80)], [("found", 190)]),
        ([_episode("silence", 10, 90)], [], [("silent", None)]),
        ([_episode("silence", 10, 90)], [_alert("silence.point", "p", 40)], [("told", 30)]),
        ([_episode("stop", 10, 90)], [_alert("restart.power", "p", 40)], [("false", None)]),
        ([_episode("set", 10, 90, seal_closed=0)], [], [("missed", None)]),
        # Two runs in one alert: the second one is known at once.
        (
            [_episode("run", 10, 20), _episode("run", 30, 40)],
            [_alert("restart.power", "p", 15)],
            [("found", 5), ("found", 0)],
        ),
        (
            [_episode("run", 10, 20), _episode("run", 300, 400)],
            [_alert("restart.power", "p", 15, ended=80)],
            [("found", 5), ("missed", None)],
        ),
    ],
)  # fmt: skip
def test_score_tells_found_missed_and_false(
    episodes: list[Episode], alerts: list[Alert], verdicts: list[tuple[str, float | None]]
) -> None:
    """One case after the other."""
    assert _verdicts(episodes, alerts) == verdicts


@pytest.mark.requirement("sim.score")
def test_score_knows_which_lines_may_run(tmp_path: Path) -> None:
    """A permitted line, and a sealed one with a permit; an alert on the one is false, on the other it is told."""
    text = (find_scenario("demo").parent / "demo-registry.toml").read_text(encoding="utf-8")
    permit = (
        '[[permit]]\nline = "kc-001-f1"\nfrom = "1970-01-01T00:00:00Z"\nto = "1970-01-01T01:00:00Z"\n'
        'reason = "pump test"\napproved_by = "me"\n'
    )
    (tmp_path / "registry.toml").write_text(f"{text}\n{permit}", encoding="utf-8")
    runs = tuple(Episode("run", (p,), 10.0, 90.0, {}) for p in ("kc-001-p1", "kc-002-p1", "kc-005-p1"))
    alerts = [_alert("restart.power", line, 15.0) for line in ("kc-001-f1", "kc-002-f1")]
    result = score(Truth(runs, 1000.0, None), alerts, load_registry(tmp_path / "registry.toml"))
    assert [(o.cause.lines, o.verdict) for o in result.outcomes] == [
        (("kc-001-f1",), "told"), (("kc-002-f1",), "found"), (("kc-005-w1",), "silent"),
    ]  # fmt: skip
    assert result.recall == 1.0
    assert result.good


@pytest.mark.requirement("sim.score")
def test_an_incomer_s_alert_tells_what_hangs_behind_it(scenario: Callable[[str], Scenario], tmp_path: Path) -> None:
    """Also two steps up; but not the alert of a neighbour."""
    spec = METER.replace('load = { kind = "steady", power = 12e3 }\nrunning = false', "")
    incomer = spec.replace('"m"', '"i"').replace('"p"', '"ip"').replace("unit = 1", 'unit = 2\nsums = ["m", "n"]')
    neighbour = METER.replace('"m"', '"n"').replace('"p"', '"np"').replace("unit = 1", "unit = 3")
    top = spec.replace('"m"', '"t"').replace('"p"', '"tp"').replace("unit = 1", 'unit = 4\nsums = ["i"]')
    story = scenario(METER + neighbour + incomer + top + '[[event]]\nat = 2\nmeter = "m"\nwhat = "run"\n')
    play(story, tmp_path / "m", tmp_path / "t", interval=1.0, began=100.0, duration=6)
    truth = load_truth(tmp_path / "t")
    assert [(e.points, e.upstream) for e in truth.episodes] == [(("p",), ("ip", "tp"))]
    for point, verdict in (("tp", "found"), ("ip", "found"), ("np", "missed")):
        result = score(truth, [_alert("restart.power", point, 103.0)], None)
        assert [o.verdict for o in result.outcomes] == [verdict]
        assert result.good == (verdict == "found")


def test_truth_is_read_back_as_it_was_played(scenario: Callable[[str], Scenario], tmp_path: Path) -> None:
    """Episodes from their lines, with the points of a port."""
    story = scenario(
        METER.replace("running = false", "") + '[[fault]]\nat = 3\nfor = 2\nport = "bus"\nwhat = "refused"\n'
    )
    play(story, tmp_path / "m", tmp_path / "t", interval=2.0, began=100.0, duration=6)
    assert load_truth(tmp_path / "t") == Truth(
        (Episode("run", ("p",), 100.0, INF, {}), Episode("refused", ("p",), 103.0, 105.0, {})), 105.0, 2.0
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", ":1: kind: expected a text"),
        ("[1]", ":1: got [1]; expected a JSON object"),
        ("\n{", ":2: not JSON"),
        ('{"kind": "a.b", "line": "l", "point": "p", "began": "2026-01-01"}', ":1: began: got '2026"),
    ],
)  # fmt: skip
def test_bad_alerts_are_one_line_and_exit_code_2(tmp_path: Path, text: str, said: str) -> None:
    """File, line, field and value."""
    (tmp_path / "alerts").write_text(text)
    (tmp_path / "truth").write_text("")
    result = _run("score", tmp_path / "truth", tmp_path / "alerts")
    assert result.exit_code == 2
    assert said in result.output
    assert len(result.output.splitlines()) == 1
