"""The journal under power cuts, kills, and disks that fail."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stillcold_agent.journal.database import SYNCHRONOUS
from support.journal_checks import KILLER, WORKER, broken, broken_by_power_cuts, promises
from support.powercut import build, read_log, run

CUTS = 150
"""``tests/bench/bench_journal.py`` makes 2,000."""
CYCLES = 100
"""``tests/bench/bench_journal.py`` makes 10,000."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("powercut"))


def kept_after_cuts(library: Path, tmp_path: Path, synchronous: str) -> list[str]:
    """What each of the cuts broke."""
    work, after = tmp_path / "work", tmp_path / "after"
    for folder in (work, after):
        folder.mkdir()
    run(library, work, [WORKER, str(work), "120", synchronous, "5"], log=tmp_path / "log")
    return list(broken_by_power_cuts(read_log(tmp_path / "log"), CUTS, after, seed=7))


@pytest.mark.requirement("agent.journal.power-cut")
def test_a_power_cut_at_any_moment_takes_nothing_that_was_promised(library: Path, tmp_path: Path) -> None:
    """Whatever the disk had taken of what was not synced, in whatever order, and by sectors."""
    found = kept_after_cuts(library, tmp_path, SYNCHRONOUS)
    assert len(found) == CUTS
    assert set(found) == {""}


@pytest.mark.requirement("agent.journal.power-cut")
@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_without_its_syncs_the_same_cuts_lose_batches(library: Path, tmp_path: Path, synchronous: str) -> None:
    """Else the test above would prove nothing."""
    found = kept_after_cuts(library, tmp_path, synchronous)
    assert sum(said != "" for said in found) > CUTS // 4


@pytest.mark.requirement("agent.journal.disk-error")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("every", [2, 3, 7, 23, 101])
def test_a_disk_that_fails_again_and_again_breaks_no_promise(
    library: Path, tmp_path: Path, error: str, every: int
) -> None:
    """Every so many writes or syncs: no crash, nothing lost, nothing taken for acknowledged that is not."""
    printed = run(library, tmp_path, [WORKER, str(tmp_path), "60", SYNCHRONOUS, "3"], fail=f"{error}:{every}")
    assert json.loads(printed).get("journal_error", 0) > 0
    assert broken(tmp_path / "journal.db", promises((tmp_path / "marks").read_bytes())) == ""


@pytest.mark.requirement("agent.journal.kill")
def test_a_kill_at_any_moment_takes_nothing_that_was_promised(tmp_path: Path) -> None:
    """Again and again on the same journal."""
    command = [sys.executable, KILLER, str(tmp_path / "work"), str(CYCLES), "11"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=300).stdout)
    assert (found["cycles"], found["broken"]) == (CYCLES, "")
    assert found["promised"] > 0
