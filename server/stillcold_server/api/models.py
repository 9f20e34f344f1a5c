"""What the API answers and takes. Field names are those of the registry, the alerts file and the vocabulary."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from stillcold_core.detect.presence import Condition
from stillcold_server.api.moments import Moment
from stillcold_server.people.accounts import Role

_NO_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
NOTE_LENGTH = 1000


class Answer(BaseModel):
    """Anything that the API answers."""

    model_config = ConfigDict(frozen=True)


class Request(BaseModel):
    """Anything that the API takes: a field that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Site(Answer):
    """A plant."""

    id: str
    name: str
    address: str
    longitude: float | None
    latitude: float | None


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
    buses: list[BusReport] = []
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


class Series(Answer):
    """Values of one point over time."""

    point: str
    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    resolution: float = Field(description="s of a period; 0 for values as read")
    times: list[Moment]
    columns: dict[str, Column]


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


class Delivery(Answer):
    """What became of telling somebody."""

    channel: str
    state: Literal["waiting", "delivered", "failed", "skipped"]
    attempts: int
    due_at: Moment
    delivered_at: Moment | None
    detail: str


class AlertDetail(Alert):
    """An alert with everything that happened to it."""

    journal: list[JournalEntry]
    deliveries: list[Delivery]


class Follower(Answer):
    """How far a part of the server has come with the stored batches."""

    name: str
    behind: int = Field(description="batches still to do")


class Refusal(Answer):
    """Messages that were not taken."""

    reason: str
    gateway: str = Field(description="? stands for every gateway that is not in the registry")
    count: int
    last_at: Moment


class ChainNote(Answer):
    """Something wrong in a gateway's chain of batches: an open gap, what the gateway says it has lost, a fork,
    a broken link or a clock that was set."""

    gateway: str
    epoch: str
    kind: Literal["gap", "lost", "unwritten", "fork", "broken", "clock"]
    sequence: int
    until: int
    detail: str
    noted_at: Moment


class Health(Answer):
    """How the server is."""

    database: Literal["ok"]
    version: str
    now: Moment
    followers: list[Follower]
    gateways: list[Gateway]
    refusals: list[Refusal]
    chain_notes: list[ChainNote] = Field(description="newest first, at most 100")
    deliveries_waiting: int
    deliveries_failed: int


class Alive(Answer):
    """For load balancers."""

    status: Literal["ok", "failing"]


class Note(Request):
    """Why somebody did something."""

    note: Annotated[str, Field(max_length=NOTE_LENGTH, pattern=_NO_CONTROLS)] = ""


class Login(Request):
    """Name and password."""

    name: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=1000)]


class Token(Answer):
    """A session."""

    token: str = Field(description="send it as `Authorization: Bearer <token>`")
    expires_at: Moment
    role: Role
    must_change: bool = Field(description="only POST /password and /logout are open until the password is changed")


class PasswordChange(Request):
    """The present password and a new one."""

    old: Annotated[str, Field(max_length=1000)]
    new: Annotated[str, Field(max_length=1000)]


class NewUser(Request):
    """An account to make."""

    name: Annotated[str, Field(max_length=200)]
    role: Role


class User(Answer):
    """An account."""

    name: str
    role: Role
    must_change: bool
    disabled: bool
    created_at: Moment


class OneTimePassword(Answer):
    """A password to hand over; it must be changed at the first login and is kept nowhere."""

    name: str
    one_time_password: str


class EnrolmentRequest(Request):
    """A gateway's request for a certificate."""

    request: Annotated[str, Field(max_length=8192, description="PKCS #10 in PEM")]
    mac: Annotated[str, Field(max_length=64, description="HMAC by the one-time code, hexadecimal")] = ""


class EnrolmentAnswer(Answer):
    """What has become of it."""

    state: Literal["waiting", "approved", "refused", "revoked"]
    certificate: str = Field(description="PEM, followed by what leads to the root; empty unless approved")
    root: str = Field(description="PEM of what is to be trusted; empty unless approved")
    mac: str = Field(description="HMAC by the one-time code over all of this; empty without one")


class Enrolment(Answer):
    """A gateway that waits for an officer."""

    id: int
    gateway: str
    fingerprint: str = Field(description="what the installer must read on the gateway")
    asked_at: Moment
    replaces: bool = Field(description="whether the gateway would lose the identity that it has")


class GatewayIdentity(Answer):
    """What is believed of a gateway."""

    gateway: str
    state: Literal["approved", "revoked", "registered", "none"] = Field(
        description="registered: its key came with the registry; none: it has no key yet"
    )
    expires_at: Moment | None = Field(description="end of its newest certificate")
    decided_at: Moment | None
    decided_by: str
    reason: str
    invited_until: Moment | None = Field(description="while a one-time code for it can be used")


class Invitation(Answer):
    """A one-time code to hand to the installer; it is kept nowhere."""

    gateway: str
    code: str


class Reason(Request):
    """Why a gateway is not believed."""

    reason: Annotated[str, Field(min_length=1, max_length=NOTE_LENGTH, pattern=_NO_CONTROLS)]


class ProblemBody(Answer):
    """Why a request was not done (RFC 9457, ``application/problem+json``)."""

    type: str = Field(examples=["urn:stillcold:problem:not_found"])
    title: str
    status: int
    detail: str
    field: str | None = Field(description="which part of the request is wrong")
