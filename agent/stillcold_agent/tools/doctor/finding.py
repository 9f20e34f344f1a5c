"""What a check found."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from textwrap import wrap

import msgspec

_COLUMNS, _INDENT = 80, 20


class State(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    """It works, but not for ever, or cannot be looked at now."""
    FAIL = "FAIL"
    """It does not work."""


class Finding(msgspec.Struct, frozen=True):
    """One line of the report.

    Attributes
    ----------
    state : State
        How bad.
    check : str
        What was looked at.
    found : str
        What is the case.
    do : str
        What to do; empty where nothing need be done.
    """

    state: State
    check: str
    found: str
    do: str = ""


def good(check: str, found: str) -> Finding:
    """It is in order."""
    return Finding(State.OK, check, found)


def warn(check: str, found: str, do: str) -> Finding:
    """Somebody should see to it."""
    return Finding(State.WARN, check, found, do)


def fail(check: str, found: str, do: str) -> Finding:
    """Somebody must see to it."""
    return Finding(State.FAIL, check, found, do)


def lines_of(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings for people, at most 80 columns."""
    for finding in findings:
        head, rest = f"{finding.state:5} {finding.check:13} ", " " * _INDENT
        yield from wrap(finding.found, _COLUMNS, initial_indent=head, subsequent_indent=rest)
        if finding.do:
            yield from wrap(finding.do, _COLUMNS, initial_indent=f"{rest}→ ", subsequent_indent=f"{rest}  ")
