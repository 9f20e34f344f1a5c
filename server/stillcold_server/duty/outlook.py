"""What will go wrong with duty, shown beforehand: shifts that nobody has, and people whom no page would reach."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection, select

from stillcold_server.days import DAY
from stillcold_server.duty.contacts import working_channels
from stillcold_server.duty.reach import Channels, contacts_of
from stillcold_server.duty.roster import Roster, Turn
from stillcold_server.duty.rosters import turns_between
from stillcold_server.store.schema import user

DAYS_AHEAD = 14


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Somebody who is to be on duty and whom a page would, or may, not reach."""

    user: str
    roster: str
    level: str
    first_at: int
    """ms; when it matters first"""
    reason: Literal["closed_account", "no_contact", "not_shown"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of the days to come."""

    gaps: list[Turn]
    unreachable: list[Unreachable]


def look_ahead(
    connection: Connection, rosters: Sequence[Roster], channels: Channels, now: int, days: int = DAYS_AHEAD
) -> Outlook:
    """Gaps on some rosters, and people without a working channel, from ``now`` (ms) on."""
    gaps: list[Turn] = []
    unreachable: list[Unreachable] = []
    for one in rosters:
        coming = turns_between(connection, one, now, now + days * DAY)
        gaps += joined(t for t in coming if t.user is None)
        unreachable += _unreachable(connection, one, coming, channels, now)
    return Outlook(gaps, unreachable)


def joined(gaps: Iterable[Turn]) -> Iterator[Turn]:
    """Gaps of one level that follow each other for one reason, as one."""
    last: dict[str, Turn] = {}
    for gap in gaps:
        before = last.get(gap.level)
        if before and (before.ends, before.reason, before.shift) == (gap.begins, gap.reason, gap.shift):
            last[gap.level] = replace(before, ends=gap.ends)
            continue
        if before is not None:
            yield before
        last[gap.level] = gap
    yield from last.values()


def _unreachable(
    connection: Connection, one: Roster, coming: Iterable[Turn], channels: Channels, now: int
) -> Iterator[Unreachable]:
    first: dict[str, tuple[str, int]] = {}
    for turn in coming:
        if turn.user:
            first.setdefault(turn.user, (turn.level, max(turn.begins, now)))
    if one.supervisor:
        first.setdefault(one.supervisor, ("supervisor", now))
    for name, (level, at) in first.items():
        if reason := _reason(connection, name, channels, now):
            yield Unreachable(name, one.id, level, at, reason)


def _reason(
    connection: Connection, name: str, channels: Channels, now: int
) -> Literal["closed_account", "no_contact", "not_shown"] | None:
    if connection.scalar(select(user.c.disabled).where(user.c.name == name)) in (None, True):
        return "closed_account"
    if not contacts_of(connection, name, channels):
        return "no_contact"
    return None if working_channels(connection, name, channels, now) else "not_shown"
