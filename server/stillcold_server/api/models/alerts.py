"""Alerts, and what happened to them."""

from typing import Literal

from pydantic import Field

from stillcold_server.api.models.base import Answer
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


class AlertDetail(Alert):
    """An alert with everything that happened to it."""

    journal: list[JournalEntry]
    deliveries: list[Delivery]
