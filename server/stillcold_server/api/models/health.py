"""How the server is."""

from typing import Literal

from pydantic import Field

from stillcold_server.api.models.base import Answer
from stillcold_server.api.models.registry import Gateway
from stillcold_server.api.moments import Moment


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


class Listener(Answer):
    """A server's connection to the broker."""

    server: str = Field(description="the name of its session")
    since: Moment
    seen: Moment = Field(description="when it has last said that it listens")
    listens: bool = Field(description="now")


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
    listeners: list[Listener] = Field(description="while none listens, no gateway is called silent")
    followers: list[Follower]
    gateways: list[Gateway]
    refusals: list[Refusal]
    chain_notes: list[ChainNote] = Field(description="newest first, at most 100")
    deliveries_waiting: int
    deliveries_failed: int
    jobs_failing: list[str] = Field(description="jobs whose newest run has failed, given up or not")


class Alive(Answer):
    """For load balancers."""

    status: Literal["ok", "failing"]
