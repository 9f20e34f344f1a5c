"""The list of behaviours in docs/requirements and the tests that show them are the same list."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LISTED = re.compile(r"^- \*\*([a-z0-9.-]+)\*\*: \S", re.MULTILINE)
_SHOWN = re.compile(r"@pytest\.mark\.requirement\(\s*\"([^\"]+)\"")


def _found(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [match for file in files for match in pattern.findall(file.read_text(encoding="utf-8"))]


def test_every_listed_behaviour_has_a_test_and_every_marked_test_is_listed() -> None:
    """Both ways, and no behaviour is listed twice."""
    listed = _found(_LISTED, sorted((ROOT / "docs" / "requirements").glob("*.md")))
    shown = _found(_SHOWN, sorted((ROOT / "tests").rglob("test_*.py")))
    assert listed
    assert sorted(set(shown) - set(listed)) == [], "marked in a test, not listed in docs/requirements"
    assert sorted(set(listed) - set(shown)) == [], "listed in docs/requirements, shown by no test"
    assert sorted({i for i in listed if listed.count(i) > 1}) == []
