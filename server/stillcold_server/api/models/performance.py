"""The alarm system's own figures."""

from typing import Literal

from pydantic import Field

from stillcold_server.api.models.base import Answer
from stillcold_server.api.moments import Moment


class Mark(Answer):
    """A figure beside what is recommended."""

    name: str
    value: float
    recommended: float = Field(description="at most")
    good: bool
    source: str


class Offender(Answer):
    """An alarm with how often it came."""

    line: str
    point: str
    kind: str
    count: int


class AlarmPerformance(Answer):
    """Figures of the alarm system in a period, after EEMUA 191 and ISA-18.2."""

    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    officers: float = Field(description="on duty at a time, on average")
    officers_by: Literal["roster", "given", "assumed"] = Field(
        description="who says so; one is assumed where nobody was on the roster"
    )
    announced: int = Field(description="alerts that officers were shown")
    marks: list[Mark]
    offenders: list[Offender] = Field(description="the ten alarms that came most often")
    chattering: list[Offender] = Field(description="three times within a minute; with the most times within one")
    acknowledged_p50: float | None = Field(description="s from the announcement")
    acknowledged_p90: float | None
