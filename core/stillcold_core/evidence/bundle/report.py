"""What a verifier says of a bundle, item by item."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

Verdict = Literal["PASS", "FAIL", "ABSENT"]
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        A word of ``items.toml``.
    verdict : str
        ``PASS``, ``FAIL``, or ``ABSENT`` where the bundle has nothing to look at.
    said : str
        What was found, in one sentence.
    problems : tuple of str
        What failed, each with its name and place; the first twenty.
    """

    name: str
    verdict: Verdict
    said: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The items of a bundle."""

    items: tuple[Item, ...]

    @property
    def good(self) -> bool:
        """Whether nothing failed."""
        return all(item.verdict != "FAIL" for item in self.items)

    def of(self, name: str) -> Item:
        """An item by its name."""
        return next(item for item in self.items if item.name == name)


def judged(name: str, problems: Iterable[str], said: str) -> Item:
    """An item that fails where there are problems."""
    found = list(problems)
    if not found:
        return Item(name, "PASS", said)
    more = [f"and {len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
    return Item(name, "FAIL", f"{len(found)} wrong", tuple(found[:_MOST_NAMED] + more))


@cache
def meanings(language: str) -> dict[str, dict[str, str]]:
    """By item: what a pass ``proves``, and what it does ``not``; in ``en`` or ``zh``."""
    text = resources.files(__package__).joinpath(f"items.{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def lines_of(report: Report, language: str) -> Sequence[str]:
    """The report for people."""
    said: list[str] = []
    words = meanings(language)
    for item in report.items:
        said.append(f"{item.verdict:<6} {item.name}: {item.said}")
        said += [f"         {problem}" for problem in item.problems]
        if item.verdict == "PASS":
            said += [f"         + {words[item.name]['proves']}", f"         - {words[item.name]['not']}"]
    return [*said, f"{'PASS' if report.good else 'FAIL'}   {words['all']['proves' if report.good else 'not']}"]
