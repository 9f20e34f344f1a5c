"""docs/asvs.md has every requirement of levels 1 and 2, each with a test that there is, or a reason."""

import re
from pathlib import Path

import pytest

from support.named import unknown_tests

TEXT = (Path(__file__).parents[1] / "docs" / "asvs.md").read_text(encoding="utf-8")
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
"""How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has; those of level 3 come after them."""
ROWS: list[tuple[str, str]] = re.findall(r"^\| (\d+\.\d+\.\d+) [^|]+ \| (.+) \|$", TEXT, re.MULTILINE)


@pytest.mark.requirement("docs.asvs")
def test_each_requirement_names_a_test_or_a_reason() -> None:
    """In order, and none twice."""
    assert [number for number, _ in ROWS] == [f"{s}.{n}" for s, count in SECTIONS.items() for n in range(1, count + 1)]
    assert len(ROWS) == 253
    for number, said in ROWS:
        named = re.findall(r"`(tests/[^`]+::\w+)`", said)
        assert unknown_tests(named) == [], number
        assert named or re.search(r"^not here|\bwaived: .", said), number


@pytest.mark.requirement("docs.asvs")
def test_the_page_counts_what_is_shown_and_what_is_not() -> None:
    """So that nobody takes a table for a proof of all of it."""
    said = [said for _, said in ROWS]
    shown = [s for s in said if "`tests/" in s]
    parts, absent = [s for s in shown if "waived" in s], [s for s in said if s.startswith("not here")]
    counts = [len(shown), len(parts), len(absent), len(said) - len(shown) - len(absent)]
    head = TEXT.split("\n## ")[0]
    assert [int(n) for n in re.findall(r"\d+", head.partition("**")[2].partition("**")[0])] == counts
