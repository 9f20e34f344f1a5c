"""Duty: rosters and their exceptions, contacts, escalation, handovers, deliveries."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from stillcold_server.api.models.alerts import DeliveryState
from stillcold_server.api.models.base import NO_CONTROLS, NOTE_LENGTH, Answer, Request
from stillcold_server.api.moments import Moment
from stillcold_server.duty.policy import MOST_MINUTES, MOST_STEPS, MOST_TIMES, Target
from stillcold_server.duty.roster import Days, Reason

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=NO_CONTROLS)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["08:30"])]
Day = Annotated[datetime.date, Field(ge=datetime.date(2000, 1, 1), le=datetime.date(2100, 12, 31))]
Level = Literal["first", "second"]
Remark = Annotated[str, Field(max_length=4 * NOTE_LENGTH, pattern=NO_CONTROLS)]


class ShiftBody(Request):
    """A part of the day; it ends on the next one where ``ends`` is not after ``starts``."""

    name: Name
    starts: Clock
    ends: Clock
    days: Days = "all"
    first: tuple[Name, ...] = Field((), max_length=50, description="accounts that take turns")
    second: tuple[Name, ...] = Field((), max_length=50)


class RosterBody(Request):
    """A roster."""

    name: Name
    district: Id | None = Field(None, description="null for everything that has no roster of its own")
    day_starts: Clock = "08:00"
    continuous: bool = Field(True, description="whether a time without a shift is a gap")
    turn_days: Annotated[int, Field(ge=1, le=31, description="days that a turn lasts")] = 1
    anchor: Day = Field(description="day on which the first of each shift begins a turn")
    supervisor: Name | None = None
    shifts: Annotated[list[ShiftBody], Field(min_length=1, max_length=8)]


class RosterAnswer(RosterBody):
    """A roster with its id."""

    id: str


class TurnAnswer(Answer):
    """Somebody's shift, or a gap where ``user`` is null."""

    roster: str
    level: Level
    shift: str
    day: datetime.date
    begins: Moment
    ends: Moment
    user: str | None
    reason: Reason


class UnreachableAnswer(Answer):
    """Somebody on a roster whom a page may not reach."""

    user: str
    roster: str
    level: Literal["first", "second", "supervisor"]
    first_at: Moment
    reason: Literal["closed_account", "no_contact", "not_shown"]


class OutlookAnswer(Answer):
    """What is wrong with the next 14 days."""

    gaps: list[TurnAnswer]
    unreachable: list[UnreachableAnswer]


class ChangeBody(Request):
    """Somebody else is to take a shift."""

    roster: Id
    day: Day
    shift: Name
    level: Level = "first"
    taker: Name
    reason: Annotated[str, Field(max_length=NOTE_LENGTH, pattern=NO_CONTROLS)] = ""


class ChangeAnswer(Answer):
    """Such a request."""

    id: int
    roster: str
    day: datetime.date
    shift: str
    level: Level
    giver: str | None
    taker: str
    reason: str
    asked_by: str
    asked_at: Moment
    state: Literal["asked", "approved", "refused"]
    decided_by: str | None
    decided_at: Moment | None


class AbsenceBody(Request):
    """Somebody will be away."""

    user: Name
    from_at: Moment
    to_at: Moment
    reason: Annotated[str, Field(max_length=NOTE_LENGTH, pattern=NO_CONTROLS)] = ""


class AbsenceAnswer(Answer):
    """An absence."""

    id: int
    user: str
    from_at: Moment
    to_at: Moment
    reason: str
    noted_by: str


class CalendarBody(Request):
    """A CSV table ``day,kind,name`` of holidays (off) and working days at weekends (work)."""

    csv: Annotated[str, Field(max_length=40_000)]


class CalendarDay(Answer):
    """A day that is not as the week says."""

    day: datetime.date
    kind: Literal["off", "work"]
    name: str


class StepBody(Request):
    """Somebody is called so many times, with so many minutes after each."""

    target: Target
    times: Annotated[int, Field(ge=1, le=MOST_TIMES)]
    minutes: Annotated[int, Field(ge=1, le=MOST_MINUTES)]


class PolicyBody(Request):
    """Who is called in which order; an empty list brings the defaults back."""

    steps: Annotated[list[StepBody], Field(max_length=MOST_STEPS)]


class PolicyAnswer(Answer):
    """The policy of every severity."""

    critical: list[StepBody]
    warning: list[StepBody]
    info: list[StepBody]


class ContactBody(Request):
    """An address at a channel that reaches one person."""

    address: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ContactAnswer(Answer):
    """How somebody can be reached; the address in full for oneself only."""

    user: str
    channel: str
    address: str
    position: int
    verified_at: Moment | None
    shown_at: Moment | None = Field(description="when it was last shown to work")
    code_sent: bool = Field(description="a test page's code waits for its answer")


class CodeBody(Request):
    """The code that a test page said."""

    code: Annotated[str, Field(pattern=r"^ *[0-9]{6} *$")]


class CodeAnswer(Answer):
    """Whether it was the right one."""

    verified: bool


class TestPageBody(Request):
    """Who gets a test page."""

    to: Literal["me", "on_duty"]


class TestPageAnswer(Answer):
    """How many messages were put into the outbox."""

    messages: int


class TryAnswer(Answer):
    """One try of a delivery."""

    at: Moment
    outcome: Literal["delivered", "refused", "cut_off"]
    detail: str


class LogEntry(Answer):
    """One message to one recipient."""

    id: int
    alert: str | None = Field(description="null on a test page")
    page: int
    recipient: str
    channel: str
    state: DeliveryState
    attempts: int
    created_at: Moment
    due_at: Moment
    delivered_at: Moment | None
    doubtful: bool
    detail: str
    tries: list[TryAnswer]


class SignOutBody(Request):
    """What the next shift has to know."""

    roster: Id | None = None
    remark: Remark = ""


class SignInBody(Request):
    """What who takes over has to say."""

    remark: Remark = ""


class HandoverAnswer(Answer):
    """A handover; ``content`` is what both have signed, ``hash`` the SHA-256 of it behind the one before."""

    id: int
    roster: str | None
    outgoing: str
    signed_out_at: Moment
    incoming: str | None
    signed_in_at: Moment | None
    remark: str
    content: dict[str, Any]
    hash: str
    previous: str
    accepted: str | None
