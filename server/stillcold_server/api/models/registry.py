"""Sites, lines, points and gateways, and what is measured there."""

from typing import Literal

from pydantic import Field

from stillcold_core.detect.presence import Condition
from stillcold_server.api.models.base import Answer
from stillcold_server.api.moments import Moment


class District(Answer):
    """A district."""

    id: str
    name: str


class Enterprise(Answer):
    """Who owns plants."""

    id: str
    name: str
    credit_code: str = Field(description="unified social credit code, or empty")
    contact: str
    phone: str


class Site(Answer):
    """A plant."""

    id: str
    name: str
    address: str
    longitude: float | None
    latitude: float | None
    district: str | None
    enterprise: str | None


class Latest(Answer):
    """The newest reading of a line, the largest of its points and phases."""

    at: Moment
    voltage: float | None = Field(description="V, phase to neutral")
    current: float | None = Field(description="A")
    power: float | None = Field(description="W; the sign put aside")


class Line(Answer):
    """A line and what is proved of it now."""

    id: str
    site: str
    site_name: str
    site_address: str
    name: str
    state: Literal["sealed", "permitted"]
    rated_power: float = Field(description="W")
    nominal_voltage: float = Field(description="V, phase to neutral")
    sealed_at: Moment | None
    measures: list[str]
    dismantle_by: str | None
    condition: Condition = Field(description="unknown when the newest sample is too old: silence proves nothing")
    since: Moment | None = Field(description="since when the condition holds")
    sampled_at: Moment | None
    coverage: float | None = Field(
        description="share of the time since sealing in which the line was proved dead or live; null before any sample"
    )
    dead_s: float
    live_s: float
    unknown_s: float = Field(description="with the silence that lasts now")
    latest: Latest | None
    open_alerts: int


class Point(Answer):
    """A place where something is measured."""

    id: str
    line: str
    role: Literal["feeder", "incomer", "water", "contacts"]
    gateway: str | None
    sampled_at: Moment | None


class BusReport(Answer):
    """One serial line or socket of a gateway."""

    bus: str
    meters: int
    silent: int
    connected: bool | None = Field(None, description="null before it has been tried")


class GatewayReport(Answer):
    """What a gateway said last of its work; not signed."""

    at: Moment = Field(description="by the gateway's clock")
    version: str = Field(description="of the agent")
    since: str = Field(description="when the agent started, by the gateway's clock")
    meters: int
    silent: int = Field(description="meters that did not answer when they were read last")
    synced: bool = Field(description="whether a time service disciplines its clock")
    clock_offset: float | None = Field(None, description="s")
    clock_error: float | None = Field(None, description="s")
    waiting: int | None = Field(None, description="batches not acknowledged; null where it cannot read its journal")
    oldest: Moment | None = Field(None, description="when the oldest of them was written")
    buses: list[BusReport] = Field(default_factory=list)
    counts: dict[str, int] = Field({}, description="what was dropped, refused or missed since the start, by reason")


class Gateway(Answer):
    """A gateway as the server sees it."""

    id: str
    site: str | None
    status: str | None
    status_at: Moment | None
    sampled_at: Moment | None = Field(description="newest sample of its points")
    points: list[str]
    report: GatewayReport | None = Field(description="null of agents that do not report")


class Column(Answer):
    """Values of one quantity; null where nothing was read."""

    unit: str
    values: list[float | None] = Field(description="as read, or the mean of each period")
    low: list[float | None] | None = Field(description="least of each period; null where the values are as read")
    high: list[float | None] | None = Field(description="largest of each period; null where the values are as read")


class Absent(Answer):
    """A while in which nothing that was asked for was read."""

    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    cause: str = Field(
        description="timeout, exception, bad_reply, out_of_range, not_supported, breaker_open, disconnected"
    )


class Series(Answer):
    """Values of one point over time."""

    point: str
    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    resolution: float = Field(description="s of a period; 0 for values as read")
    times: list[Moment]
    columns: dict[str, Column]
    absent: list[Absent] = Field(description="empty where periods of a minute and longer stand for long times")
