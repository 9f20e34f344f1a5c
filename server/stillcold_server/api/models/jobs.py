"""Jobs and their runs."""

from typing import Literal

from pydantic import Field

from stillcold_server.api.models.base import Answer
from stillcold_server.api.moments import Moment


class JobRun(Answer):
    """One run of a job."""

    due_at: Moment
    state: Literal["waiting", "running", "done", "failed", "skipped"] = Field(
        description="waiting after an attempt: it failed and is tried again"
    )
    attempts: int
    server: str
    started_at: Moment
    ended_at: Moment | None
    detail: str = Field(description="what was done, or why it failed")


class Job(Answer):
    """Work that is done at set times."""

    name: str
    next_at: Moment | None = Field(description="when it is due next; null before the server's first start")
    last_done_at: Moment | None
    last: JobRun | None = Field(description="the newest run that has begun")
