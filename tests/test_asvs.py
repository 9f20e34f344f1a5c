"""docs/asvs.md has every requirement of its chapters, each with a test that there is, or a reason."""

import re
from pathlib import Path

import pytest

from support.named import unknown_tests

TEXT = (Path(__file__).parents[1] / "docs" / "asvs.md").read_text(encoding="utf-8")
SECTIONS = {
    "3.2": "1 2", "3.3": "1 2 3 4", "3.4": "1 2 3 4 5 6", "3.5": "1 2 3 4 5", "3.7": "1 2",
    "6.1": "1 2 3", "6.2": "1 2 3 4 5 6 7 8 9 10 11", "6.3": "1 2 3", "6.4": "1 2 3 4", "6.5": "1 2 3 4 5",
    "6.6": "1 2 3", "7.1": "1 2 3", "7.2": "1 2 3 4", "7.3": "1 2", "7.4": "1 2 3 4 5", "7.5": "1 2", "7.6": "1 2",
    "8.1": "1 2", "8.2": "1 2 3", "8.3": "1", "8.4": "1",
    "16.1": "1", "16.2": "1 2 3 4 5", "16.3": "1 2 3 4", "16.4": "1 2 3", "16.5": "1 2 3",
}  # fmt: skip
"""Requirements of levels 1 and 2, by section."""


@pytest.mark.requirement("docs.asvs")
def test_each_requirement_names_a_test_or_a_reason() -> None:
    """In order, and none twice."""
    rows = re.findall(r"^\| (\d+\.\d+\.\d+) [^|]+ \| (.+) \|$", TEXT, re.MULTILINE)
    assert [number for number, _ in rows] == [f"{s}.{n}" for s, numbers in SECTIONS.items() for n in numbers.split()]
    for number, said in rows:
        named = re.findall(r"`(tests/[^`]+::\w+)`", said)
        assert unknown_tests(named) == [], number
        assert named or re.match(r"(not here|waived: .)", said), number
