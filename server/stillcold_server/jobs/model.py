"""What a job is."""

from collections.abc import Callable
from dataclasses import dataclass

from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import Engine

from stillcold_server.config import Config
from stillcold_server.duty.reach import NO_CHANNELS, Channels


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job works with.

    Attributes
    ----------
    engine : Engine
        The database.
    config : Config
        The server's configuration.
    now : callable
        ms UTC.
    ring : callable
        To be called when the job has raised or changed an alert or has put something into the outbox.
    channels : Channels
        Those that are configured.
    """

    engine: Engine
    config: Config
    now: Callable[[], int]
    ring: Callable[[], None] = lambda: None
    channels: Channels = NO_CHANNELS


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the table of jobs.

    Attributes
    ----------
    name : str
        Of the job, in the log and for people who name it; what it is for stands in the locales as ``job.<name>``.
    trigger : BaseTrigger
        When it is due.
    work : callable
        Does it: called with the context and the time in ms at which it was due; it answers with one line that says what
        was done. It may run twice for one time, when a server is killed while it works, so its effects must be such
        that a second time changes nothing. What it raises is logged, and it is tried again.
    each : bool
        Whether every time that was missed is caught up, the oldest first; otherwise the newest stands for all.
    minutes : float
        For which it may run: one that runs longer has failed, and is taken again.
    """

    name: str
    trigger: BaseTrigger
    work: Callable[[JobContext, int], str]
    each: bool = False
    minutes: float = 60.0
