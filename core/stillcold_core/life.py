"""The life of a sealed line, from its identification to its dismantling, as the registry keeps it.

The five standards, their lead bureaus and the terms are those of a district's plan for closing outdated capacity
(宽城区推动落后产能退出工作方案, 2017): 能耗 six months to rectify and one extension of at most
three, 质量 six and none.
It names no term for the other three; they have that of 能耗.
"""

import calendar
from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple

Standard = Literal["energy", "environment", "quality", "safety", "technical"]
Stage = Literal[
    "identified", "rectifying", "rectified", "ordered", "verified", "sealed", "restarted", "case", "dismantled",
    "withdrawn",
]  # fmt: skip
SEALED: frozenset[Stage] = frozenset(("sealed", "restarted", "case", "dismantled"))
"""The stages in which a line must stay dead: those of the ``state`` ``sealed``, which detection reads."""


class Term(NamedTuple):
    """How long an enterprise has to rectify, and by how much that may be extended, once; months."""

    months: int
    extension: int


TERMS: Mapping[Standard, Term] = {
    "energy": Term(6, 3),
    "environment": Term(6, 3),
    "quality": Term(6, 0),
    "safety": Term(6, 3),
    "technical": Term(6, 3),
}


def later(day: date, months: int) -> date:
    """The same day so many months later; the month's last where it has no such day.

    Examples
    --------
    >>> later(date(2026, 8, 31), 6)
    datetime.date(2027, 2, 28)
    """
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
