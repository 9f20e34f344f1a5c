"""Alerts, and what happened to them."""

from typing import Literal

from pydantic import Field

from stillcold_server.alerts.stages import Flag
from stillcold_server.api.models.base import Answer, Reasoned, Request
from stillcold_server.api.moments import Moment

AlertState = Literal["unacknowledged", "acknowledged", "returned", "latched", "normal"]


class Alert(Answer):
    """An alert."""

    id: str
    incident: str
    kind: str
    severity: Literal["critical", "warning", "info"]
    site: str
    site_name: str
    site_address: str
    line: str
    line_name: str
    point: str
    began: Moment
    detected: Moment
    ended: Moment | None
    raised_at: Moment = Field(description="by the server's clock")
    reason: str
    evidence: dict[str, float | str]
    state: AlertState
    acknowledged_by: str | None
    acknowledged_at: Moment | None
    flag: Flag | None = Field(description="why it is hidden; beside its state, and null where it is shown")
    stage: str = Field(description="the stage that hides it; empty where none does")
    held_why: str = Field(description="that stage's reason")
    held_at: Moment | None
    held_until: Moment | None = Field(description="null where nobody knows when it ends")
    announced_at: Moment | None = Field(description="since when it is shown")
    paged_at: Moment | None = Field(description="when officers were told; null where they were not")


class JournalEntry(Answer):
    """One transition of an alert."""

    at: Moment
    actor: str
    transition: str
    reason: str
    note: str


DeliveryState = Literal["waiting", "sending", "delivered", "failed", "skipped"]


class Delivery(Answer):
    """What became of telling somebody."""

    page: int = Field(description="which call of the alert's escalation, from 0")
    recipient: str = Field(description="account of a person; empty for a group")
    channel: str
    state: DeliveryState
    attempts: int
    created_at: Moment
    due_at: Moment
    delivered_at: Moment | None
    doubtful: bool = Field(description="a try was cut off: the channel may have taken the message twice")
    detail: str


class Shelving(Request):
    """Putting an alarm aside."""

    reason: Reasoned
    until: Moment


class OutOfService(Request):
    """Taking a line, or one of its points, out of service."""

    line: str
    point: str | None = None
    reason: Reasoned
    until: Moment


class Unserviced(Answer):
    """A line or a point that was taken out of service."""

    number: int
    line: str
    point: str | None = Field(description="null for the whole line")
    reason: str
    actor: str
    from_at: Moment
    until: Moment
    ended_at: Moment | None = Field(description="when somebody put it back before its time")
    ended_by: str | None


class StageCount(Answer):
    """What a stage of the pipeline has held back for one reason."""

    reason: str
    now: int = Field(description="open alerts that it hides")
    lately: int = Field(description="times in the period asked for")


class AlertStage(Answer):
    """One stage of the pipeline that each alert goes through, in order, before somebody is told."""

    name: str
    flag: Flag | None = Field(description="what it calls the alerts that it hides; null where it keeps a message back")
    held: list[StageCount]


class AlertDetail(Alert):
    """An alert with everything that happened to it."""

    journal: list[JournalEntry]
    deliveries: list[Delivery]
