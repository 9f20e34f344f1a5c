"""The command of whoever mounts the gateway: it switches a lamp or a siren when the standing of a line changes."""

import asyncio
import contextlib
import logging
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import Sequence

from stillcold_agent.counts import Counts, Reason
from stillcold_agent.local.standing import Event, iso

log = logging.getLogger(__name__)
_MOST_WAITING = 64


class Hook:
    """Runs the command for each event, in order, one at a time, never waited for by a meter.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; no shell looks at them.
    timeout : float
        s after which it is killed, with what it started.
    counts : Counts
        ``hook_failed`` counts runs that ended with another code than 0 or could not begin, ``hook_timeout`` those
        that were killed, ``hook_full`` events dropped because the ones before took too long, the oldest first.

    Notes
    -----
    The command's environment is ``PATH`` and what the event says, nothing of the agent's own.
    """

    def __init__(self, command: Sequence[str], timeout: float, counts: Counts) -> None:
        self._command, self._timeout, self._counts = command, timeout, counts
        self._waiting: deque[Event] = deque()
        self._wake = asyncio.Event()

    def put(self, event: Event) -> None:
        """Run it for this event as soon as it has run for those before."""
        if len(self._waiting) == _MOST_WAITING:
            self._waiting.popleft()
            self._counts.add("hook_full")
        self._waiting.append(event)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._tell(self._waiting.popleft())

    async def _tell(self, event: Event) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, env=_environment(event), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._failed("hook_failed", f"cannot be run ({error.strerror})")
            return
        try:
            async with asyncio.timeout(self._timeout):
                code = await process.wait()
        except TimeoutError:
            self._failed("hook_timeout", f"was killed after {self._timeout:g} s")
        else:
            if code:
                self._failed("hook_failed", f"ended with {code}")
        finally:
            await _end(process)

    def _failed(self, reason: Reason, how: str) -> None:
        log.error("the command %s %s, %d such so far", self._command[0], how, self._counts.add(reason))


async def _end(process: Process) -> None:
    """Kill the command and all that it started and left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _environment(event: Event) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "STILLCOLD_POINT": event.point,
        "STILLCOLD_STATE": event.state,
        "STILLCOLD_KIND": event.kind,
        "STILLCOLD_TIME": iso(event.time),
    }
