"""Telling systemd that the agent is ready, alive or stopping (sd_notify(3)); silent where nobody asked for it."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

from stillcold_agent.boot import now
from stillcold_agent.counts import Counts
from stillcold_agent.observe.progress import Progress

log = logging.getLogger(__name__)


class Systemd:
    """The service manager, where it started us with ``NOTIFY_SOCKET``.

    Parameters
    ----------
    environment : mapping of str to str
        Of this process.
    counts : Counts
        ``notify_failed`` counts what could not be told.
    """

    def __init__(self, environment: Mapping[str, str], counts: Counts) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._counts = counts
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._limit = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 if mine else 0.0

    def say(self, state: str) -> None:
        """Tell a state, such as ``READY=1``; never waits."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
                out.sendto(state.encode(), self._address)
        except OSError as error:
            if self._counts.add("notify_failed") == 1:
                log.warning("cannot tell systemd %s: %s", state, error.strerror)

    async def feed(self, progress: Progress) -> None:
        """Feed the watchdog until cancelled, as long as any bus gets on; at once return where there is none."""
        hungry = False
        while self._limit:
            if progress.gets_on(now().monotonic):
                self.say("WATCHDOG=1")
                hungry = False
            elif not hungry:
                log.error("no bus ends a reading any more; the watchdog is not fed")
                hungry = True
            await asyncio.sleep(self._limit / 3)
