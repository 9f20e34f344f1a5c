"""A month of a line, a day each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from stillcold_server.days import begin_of, day_of, days_from
from stillcold_server.verification.attestation import is_sealed, so_far
from stillcold_server.verification.statements import days_between
from stillcold_server.verification.subject import Watched


@dataclass(frozen=True, slots=True)
class Cell:
    """A day in seconds.

    Attributes
    ----------
    day : date
    dead, live, unknown : float
        s; together the day, or what has passed of it.
    causes : mapping of str to float
        s unknown by cause.
    current : float, optional
        A; the largest.
    statement : str, optional
        Id of what is stated; None of a day that is not over.
    """

    day: date
    dead: float
    live: float
    unknown: float
    causes: Mapping[str, float]
    current: float | None
    statement: str | None

    @property
    def coverage(self) -> float:
        """Share of the time that was proved dead or live."""
        total = self.dead + self.live + self.unknown
        return (self.dead + self.live) / total if total else 0.0

    @property
    def look(self) -> str:
        """The worst of the day: ``live``, ``unknown`` for more than a hundredth of it, or ``dead``."""
        if self.live > 0:
            return "live"
        return "unknown" if self.coverage < 0.99 else "dead"


@dataclass(frozen=True, slots=True)
class Sums:
    """Some days together, s; ``causes`` the longest first."""

    dead: float
    live: float
    unknown: float
    causes: Mapping[str, float]

    @property
    def coverage(self) -> float | None:
        """Share of the time that was proved dead or live; None before there is any."""
        total = self.dead + self.live + self.unknown
        return (self.dead + self.live) / total if total else None


def month_of(text: str) -> date:
    """The first day of a month as ``2027-01`` writes it.

    Raises
    ------
    ValueError
    """
    return date.fromisoformat(f"{text}-01")


def next_month(month: date) -> date:
    """The first day of the month after it."""
    return (month + timedelta(days=31)).replace(day=1)


def month_before(month: date) -> date:
    """The first day of the month before it."""
    return (month - timedelta(days=1)).replace(day=1)


def sums_of(cells: Iterable[Cell]) -> Sums:
    """Of some days together."""
    listed = list(cells)
    causes: dict[str, float] = {}
    for c in listed:
        for cause, seconds in c.causes.items():
            causes[cause] = causes.get(cause, 0.0) + seconds
    dead, live, unknown = (sum(getattr(c, part) for c in listed) for part in ("dead", "live", "unknown"))
    return Sums(dead, live, unknown, dict(sorted(causes.items(), key=lambda c: -c[1])))


def cells_of(connection: Connection, watched: Watched, month: date, now: int) -> dict[date, Cell]:
    """The days of a month of which something is stated, and today as far as it goes."""
    last = next_month(month) - timedelta(days=1)
    stated = days_between(connection, watched.line.id, begin_of(month), begin_of(last))
    found = {date.fromisoformat(s.content["day"]): _stated(s.content) for s in stated}
    today = day_of(now)
    here = month <= today <= last and is_sealed(watched, now)
    if here and (so := so_far(connection, watched, today, now)):
        current = None if so.current is None else so.current.value
        causes = {cause: ms / 1000 for cause, ms in so.causes.items()}
        found[today] = Cell(today, so.dead / 1000, so.live / 1000, so.unknown / 1000, causes, current, None)
    return found


def weeks_of(month: date) -> list[list[date | None]]:
    """The days of a month by weeks, Monday first; None beyond the month."""
    days: list[date | None] = [None] * month.weekday()
    days += days_from(month, next_month(month) - timedelta(days=1))
    days += [None] * (-len(days) % 7)
    return [days[i : i + 7] for i in range(0, len(days), 7)]


def _stated(content: Mapping[str, Any]) -> Cell:
    current = content["largest_current"]
    return Cell(
        date.fromisoformat(content["day"]), content["dead"], content["live"], content["unknown"], content["causes"],
        None if current is None else current["value"], content["id"],
    )  # fmt: skip
