"""The threat model names, for each way of each attacker, tests that there are."""

import re
from pathlib import Path

import pytest

from support.named import unknown_tests

TEXT = (Path(__file__).parents[1] / "docs" / "threat-model.md").read_text(encoding="utf-8")
ATTACKERS = ("At the site", "On the network", "At the broker", "Inside the office")


def rows(attacker: str) -> list[list[str]]:
    """The cells of each row of an attacker's table."""
    section = TEXT.split(f"## {attacker}\n")[1].split("\n## ")[0]
    table = [line.strip("|").split(" | ") for line in re.findall(r"^\| .+\|$", section, re.MULTILINE)]
    assert [cell.strip() for cell in table[0]] == ["what they try", "what stops it", "shown by", "what is left"]
    return table[1:]


@pytest.mark.requirement("docs.threat-model")
@pytest.mark.parametrize("attacker", ATTACKERS)
def test_each_way_names_what_stops_it_and_a_test_that_shows_it(attacker: str) -> None:
    """And some say what is left: a page on which nothing is would be a wish."""
    table = rows(attacker)
    assert len(table) >= 8
    for row in table:
        assert len(row) == 4, row
        named = re.findall(r"`(tests/[^`]+::\w+)`", row[2])
        assert named, row[0]
        assert unknown_tests(named) == [], row[0]
    assert sum(bool(row[3].strip()) for row in table) >= len(table) // 2
