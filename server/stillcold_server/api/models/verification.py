"""Observations of lines, and signed statements."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from stillcold_server.api.models.base import Answer, Request
from stillcold_server.api.moments import Moment
from stillcold_server.verification.procedure import LEAST, MINUTES, MOST

PointId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Start(Request):
    """How a line is to be observed."""

    minutes: Annotated[int, Field(ge=LEAST, le=MOST)] = MINUTES
    behind_cut: Annotated[list[PointId], Field(max_length=100)] | None = Field(
        None, description="electrical points that lie behind the cut; by default all, where the power was cut"
    )


class Observation(Answer):
    """An observation of a line at its sealing."""

    id: int
    line: str
    begin: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    behind_cut: list[str]
    started_by: str
    state: Literal["running", "decided", "abandoned"]
    closed_at: Moment | None
    closed_by: str
    statement: str | None = Field(description="id of what is stated of it")


class Condition(Answer):
    """One condition, as far as readings have come."""

    condition: str
    result: Literal["passed", "failed", "incomplete", "not_applicable"]
    why: str | None
    limit: float | None = None
    unit: str | None = None
    point: str | None = Field(default=None, description="of the worst reading")
    quantity: str | None = None
    value: float | None = None
    time: Moment | None = None
    missing: dict[str, float] = Field(description="seconds by cause, of all points")


class ObservationProgress(Answer):
    """How an observation stands."""

    observation: Observation
    until: Moment = Field(description="what has been seen of every point that has spoken")
    waiting: list[str] = Field(description="points whose samples do not reach to the end yet")
    ready: bool = Field(description="whether it can be decided")
    conditions: list[Condition]


class Statement(Answer):
    """A signed statement of a line."""

    id: str
    kind: Literal["sealing", "day"]
    line: str
    begin: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    version: int
    result: str = Field(description="of a sealing: passed, failed or incomplete")
    made_at: Moment
    digest: str = Field(description="SHA-256 of what is signed, in hexadecimal")
    superseded_by: str | None
    content: dict[str, Any] = Field(description="see docs/verification.md")


class Day(Answer):
    """A day of a line, in seconds."""

    day: str
    dead: float
    live: float
    unknown: float
    coverage: float = Field(description="share of the time that was proved dead or live")
    statement: str | None = Field(description="null of a day that is not over")
