"""What the routes work with."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from stillcold_server.alerts.pipeline import Page
from stillcold_server.audit.chain import Who, acting
from stillcold_server.config import Config
from stillcold_server.duty.escalation import page_by
from stillcold_server.duty.reach import NO_CHANNELS, Channels
from stillcold_server.live import Hub
from stillcold_server.metrics import Metrics
from stillcold_server.people.throttle import LoginThrottle
from stillcold_server.store.clock import wall_clock


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a request may need of the server.

    Attributes
    ----------
    engine : Engine
        The database.
    config : Config
        The server's configuration.
    hub : Hub
        Told when a request has changed an alert.
    metrics : Metrics
        Counts logins.
    now : callable
        ms UTC.
    channels : Channels
        Those that are configured.
    """

    engine: Engine
    config: Config
    hub: Hub
    metrics: Metrics
    now: Callable[[], int] = wall_clock
    channels: Channels = NO_CHANNELS

    @property
    def throttle(self) -> LoginThrottle:
        """Slows down those who guess passwords."""
        return LoginThrottle(self.engine)

    @property
    def page(self) -> Page:
        """Tells officers of an alert that nothing hides any longer."""
        return page_by(self.channels)

    def acting(self, who: Who, action: str, subject: str = "", *, note: str = "") -> AbstractContextManager[Connection]:
        """A transaction that writes, with its entry in the audit log; see :func:`~stillcold_server.audit.chain.acting`.

        A refusal that a route raises as a :class:`~stillcold_server.api.problems.Problem` is written down by itself.
        """
        return acting(self.engine, who, action, subject, note=note, now=self.now())


def services_of(request: Request) -> Services:
    """The services of the application that a request came to."""
    return cast("Services", request.app.state.services)


Served = Annotated[Services, Depends(services_of)]
