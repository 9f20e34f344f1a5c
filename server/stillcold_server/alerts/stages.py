"""The pipeline that every alert goes through before somebody is told, as a visible list of stages.

Each stage may hold an alert back, and says why by a stable word: an officer, a test and a log line read the same one.
A stage with a flag hides the alert as well (ISA-18.2: suppressed by design, out of service, shelved); hidden alerts go
on through their states underneath. The last two stages hide nothing: they only keep a second message back.

A restart is held by nothing but a permit: no shelf, no outage and nothing out of service keeps a new one from paging.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self, get_args

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from stillcold_server.alerts.lifecycle import APPROVED, WAITING
from stillcold_server.days import HOUR
from stillcold_server.detection.overrun import FOUND_ANEW, approved_until
from stillcold_server.registry.ledger import permits_of
from stillcold_server.store.schema import alert, escalation, out_of_service, point, shelf

JOIN_MS = 600_000
"""A further alert of an open incident tells nobody again within this time of the last message about it."""
IN_HAND_MS = HOUR
"""Nor for so long after an officer has taken it up, who is on the way then or there. No longer: the first heat of a
furnace is over within the hour, and no acknowledgement is to silence a line for a night."""
COMES_BACK_MS = 120_000
"""What had fallen silent with its gateway, or in an outage, may come back so much later than that."""
SEVERITIES = ("critical", "warning", "info")
Flag = Literal["suppressed", "out_of_service", "shelved"]
FLAGS: tuple[Flag, ...] = get_args(Flag)


class Held(NamedTuple):
    """Why a stage holds an alert back, and until when (ms) where that is known."""

    reason: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """An alert at a moment, as the stages see it; every time in ms.

    Attributes
    ----------
    id, incident, kind, severity, site, line, point : str
    began : int
    ended : int or None
        None while it goes on.
    raised_at : int
        By the server's clock.
    now : int
    """

    id: str
    incident: str
    kind: str
    severity: str
    site: str
    line: str
    point: str
    began: int
    ended: int | None
    raised_at: int
    now: int

    @classmethod
    def of(cls, row: Row[Any], now: int) -> Self:
        """The situation of an alert's row at ``now``."""
        names = ("id", "incident", "kind", "severity", "site", "line", "point", "began", "ended", "raised_at")
        return cls(**{name: getattr(row, name) for name in names}, now=now)

    @property
    def family(self) -> str:
        """First word of the kind."""
        return self.kind.split(".", maxsplit=1)[0]


Rule = Callable[[Connection, Situation], Held | None]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes
    ----------
    name : str
    flag : str or None
        What an alert is called that it hides; None where it only keeps the message back.
    reasons : tuple of str
        Words that its rule may give.
    rule : callable
        Given the transaction and the situation: why the alert is held, or None.
    """

    name: str
    flag: Flag | None
    reasons: tuple[str, ...]
    rule: Rule


def inhibited(connection: Connection, situation: Situation) -> Held | None:
    """``gateway_silent``, ``grid_outage``: a silence that a wider one explains."""
    if situation.family != "silence":
        return None
    if situation.kind == "silence.point" and connection.scalar(_over(situation, _of_its_gateway(situation))):
        return Held("gateway_silent")
    outage = and_(alert.c.kind == "quality.outage", alert.c.site == situation.site)
    return Held("grid_outage") if connection.scalar(_over(situation, outage)) else None


def permitted(connection: Connection, situation: Situation) -> Held | None:
    """``permit``: it is activity that was approved for the time at which it began.

    A restart or furnace that goes on after its permit is found anew, with a beginning of its own. Whatever else still
    stands then is held no longer.
    """
    until = approved_until(situation.kind, situation.began / 1000, permits_of(connection, situation.line))
    if until is None:
        return None
    ends = round(until * 1000)
    goes_on = situation.ended is None and situation.kind not in FOUND_ANEW
    return None if goes_on and situation.now >= ends else Held(APPROVED, ends if goes_on else None)


def unserviced(connection: Connection, situation: Situation) -> Held | None:
    """``out_of_service``: its line, or its point, was taken out of service."""
    if situation.family == "restart":
        return None
    t = out_of_service.c
    here = and_(t.line == situation.line, or_(t.point.is_(None), t.point == situation.point))
    return _lasting(connection, out_of_service, here, situation.now, "out_of_service")


def shelved(connection: Connection, situation: Situation) -> Held | None:
    """``shelved``: an officer has put this alarm aside; of a restart only what stood then."""
    t = shelf.c
    here = and_(t.line == situation.line, t.point == situation.point, t.kind == situation.kind)
    if situation.family == "restart":
        here = and_(here, t.from_at >= situation.raised_at)
    return _lasting(connection, shelf, here, situation.now, "shelved")


def joined(connection: Connection, situation: Situation) -> Held | None:
    """``joined_incident``: an alert that covers it was told a moment ago, is being called for, or is in hand."""
    a = alert.c
    told = _lately(a.paged_at, situation.now, JOIN_MS)
    called = a.state.in_(WAITING) & a.id.in_(select(escalation.c.alert).where(escalation.c.state == "running"))
    in_hand = (a.state != "normal") & _lately(a.acknowledged_at, situation.now, IN_HAND_MS)
    covered = select(a.id).where(covering(situation), or_(told, called, in_hand)).limit(1)
    return Held("joined_incident") if connection.scalar(covered) else None


def informed(_connection: Connection, situation: Situation) -> Held | None:
    """``informational``: nobody has to act on it."""
    return Held("informational") if situation.severity == "info" else None


STAGES: Sequence[Stage] = (
    Stage("inhibit", "suppressed", ("gateway_silent", "grid_outage"), inhibited),
    Stage("suppress", "suppressed", (APPROVED,), permitted),
    Stage("out_of_service", "out_of_service", ("out_of_service",), unserviced),
    Stage("shelve", "shelved", ("shelved",), shelved),
    Stage("join", None, ("joined_incident",), joined),
    Stage("inform", None, ("informational",), informed),
)
"""In order. What passes them all is paged."""
FLAG_OF: dict[str, Flag] = {s.name: s.flag for s in STAGES if s.flag}


def held(connection: Connection, situation: Situation, *, hides: bool) -> tuple[Stage, Held] | None:
    """The first stage that holds an alert back, of those that hide it or of those that do not."""
    for stage in STAGES:
        if (stage.flag is not None) == hides and (why := stage.rule(connection, situation)):
            return stage, why
    return None


def covering(situation: Situation) -> ColumnElement[bool]:
    """Other alerts of the incident that officers see and that are no lesser ones.

    A restart is no addition to a silence or to tampering: only another restart covers it.
    """
    a = alert.c
    as_grave = SEVERITIES[: SEVERITIES.index(situation.severity) + 1]
    others = (a.incident == situation.incident) & (a.id != situation.id) & (a.stage == "") & a.severity.in_(as_grave)
    restart = a.kind.startswith("restart.", autoescape=True)
    return others & restart if situation.family == "restart" else others


def _lately(column: ColumnElement[int], now: int, within: int) -> ColumnElement[bool]:
    """What is further ahead than it may be past was written before the clock was set back, and holds nothing."""
    return (column > now - within) & (column < now + within)


def _of_its_gateway(situation: Situation) -> ColumnElement[bool]:
    """Silences of the gateway that speaks for the situation's point."""
    its = select(point.c.gateway).where(point.c.id == situation.point).scalar_subquery()
    spoken_for = select(point.c.id).where(point.c.gateway == its)
    return and_(alert.c.kind == "silence.gateway", alert.c.point.in_(spoken_for))


def _over(situation: Situation, which: ColumnElement[bool]) -> Any:
    """An alert among ``which`` that goes on, or that had lasted until the situation was over too."""
    lasts: ColumnElement[bool] = alert.c.ended.is_(None)
    if situation.ended is not None:
        covers = and_(alert.c.began <= situation.ended, alert.c.ended >= situation.ended - COMES_BACK_MS)
        lasts = or_(lasts, covers)
    return select(alert.c.id).where(which, lasts, alert.c.id != situation.id).limit(1)


def _lasting(connection: Connection, table: Any, here: ColumnElement[bool], now: int, reason: str) -> Held | None:
    t = table.c
    until = connection.scalar(select(func.max(t.until)).where(here, t.ended_at.is_(None), t.until > now))
    return None if until is None else Held(reason, until)
