"""Rules that hold over the whole tree."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("core", "agent", "server", "simulators")
_UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r"|\bNotImplementedError\b")
_LOCAL = re.compile(r"\.\./" + r"shared|/wo" + r"rk/|/home/[a-z]")


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Every text file that is or would be committed, by its path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git repository")
    found = {}
    for name in listed.stdout.splitlines():
        file = ROOT / name
        if file.suffix in {".py", ".md", ".toml", ".conf", ".ts", ".html", ".css", ".sh", ".service"} and file.exists():
            found[name] = file.read_text(encoding="utf-8")
    return found


def test_one_version_in_all_distributions() -> None:
    """They are released together."""
    files = [ROOT / "pyproject.toml", *(ROOT / room / "pyproject.toml" for room in ROOMS)]
    versions = {str(f): tomllib.loads(f.read_text())["project"]["version"] for f in files}
    assert len(set(versions.values())) == 1, versions


def test_nothing_is_marked_as_unfinished(texts: dict[str, str]) -> None:
    """What is not done is not in the tree."""
    assert [name for name, text in texts.items() if _UNFINISHED.search(text)] == []


def test_no_path_of_one_machine(texts: dict[str, str]) -> None:
    """The tree means the same on every machine."""
    assert [name for name, text in texts.items() if _LOCAL.search(text)] == []


def test_no_file_of_code_is_longer_than_400_lines(texts: dict[str, str]) -> None:
    """A longer one has more than one purpose."""
    long = {n: t.count("\n") for n, t in texts.items() if n.endswith(".py") and t.count("\n") > 400}
    assert long == {}
