"""The scenarios that ship: each is a test, in a family, and in the documents."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_core.registry import load_registry
from stillcold_server.detection.scan import scan_files
from stillcold_sim.cli import main
from stillcold_sim.judging.check import check
from stillcold_sim.judging.offline import play
from stillcold_sim.judging.truth import load_truth
from stillcold_sim.scenario import find_scenario, load_scenario, scenario_names, seconds
from stillcold_sim.scenario.library import FAMILIES, library_page, shipped

DOCS = Path(__file__).parents[2] / "docs"
SILENT = {"tamper-gateway-cut", "tamper-silence-only"}
"""Silence is told by the server's clock: over a file there is none."""
JUDGED = [
    name
    for family in ("restart", "witness", "legal", "wire", "tamper")
    for name in scenario_names(family)
    if name not in SILENT
]
PLAYED = [*(name for family in ("furnace", "scale") for name in scenario_names(family)), *sorted(SILENT)]


def _scan(registry: Path, measurements: Path, alerts: Path) -> None:
    scan_files(load_registry(registry), [measurements], alerts)


@pytest.mark.requirement("sim.library.judged")
@pytest.mark.parametrize("name", JUDGED)
def test_the_server_says_what_the_scenario_expects(name: str, tmp_path: Path) -> None:
    """And nothing else of the lines that it names."""
    assert [row for row in check(find_scenario(name), tmp_path, scan=_scan).rows if row.verdict != "ok"] == []


@pytest.mark.requirement("sim.library.played")
@pytest.mark.parametrize("name", PLAYED)
def test_what_the_scenario_expects_to_be_found_is_played(name: str, tmp_path: Path) -> None:
    """Ten minutes after the last cause is due, all that was to begin by then is in the truth."""
    scenario = load_scenario(find_scenario(name))
    file = scenario.file
    due = max(seconds(e.at) for e in file.expect)
    lasts = min(seconds(file.duration), due + 600)
    play(scenario, tmp_path / "m.csv", tmp_path / "truth", interval=max(file.interval, 60), duration=lasts)
    told = {episode.what for episode in load_truth(tmp_path / "truth").episodes}
    assert {row.what for row in (*file.event, *file.evasion, *file.fault) if row.begin <= due} <= told
    assert (tmp_path / "m.csv").read_text(encoding="utf-8").count("\n") > len(scenario.meters)


@pytest.mark.requirement("sim.library.families")
def test_every_scenario_is_in_a_family() -> None:
    """At least forty of them, and each family has some."""
    files = shipped()
    assert len(files) >= 40
    assert {file.family for file in files} == set(FAMILIES)
    assert sum(len(scenario_names(family)) for family in FAMILIES) == len(files)
    listed = CliRunner().invoke(main, ["list", "--family", "wire"])
    assert [line.split()[:2] for line in listed.output.splitlines()] == [[n, "wire"] for n in scenario_names("wire")]


def test_a_family_that_there_is_not_is_one_line_and_exit_code_2() -> None:
    """For `list` and for `check`; `check` of nothing is refused too."""
    for command in (["list", "--family", "none"], ["check", "--family", "none"], ["check"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2
        assert "family" in result.output


@pytest.mark.requirement("sim.library.documented")
def test_the_library_is_in_the_documents() -> None:
    """As `stillcold-sim list --markdown` prints it."""
    assert library_page() in (DOCS / "scenario-library.md").read_text(encoding="utf-8")
