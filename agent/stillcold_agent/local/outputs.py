"""The local outputs together: log, status file, hook."""

import logging
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from stillcold_agent.counts import Counts
from stillcold_agent.edge import Verdict
from stillcold_agent.local.hook import Hook
from stillcold_agent.local.settings import Local
from stillcold_agent.local.standing import Board, Event, State
from stillcold_agent.local.status_file import StatusFile
from stillcold_agent.meters import Meter
from stillcold_core.readings import Sample

log = logging.getLogger(__name__)


class Outputs:
    """Tells at the gateway what each sample changes.

    Parameters
    ----------
    settings : Local
        What is told, and where.
    gateway : str
        Its id.
    meters : iterable of Meter
        All meters.
    depth : callable
        Gives how many batches wait for the server; called in another thread.
    counts : Counts
        See :class:`Hook` and :class:`StatusFile`.
    """

    def __init__(
        self,
        settings: Local,
        gateway: str,
        meters: Iterable[Meter],
        depth: Callable[[], int],
        counts: Counts,
    ) -> None:
        self._board = Board(meters)
        self._hook = Hook(settings.hook, settings.hook_timeout, counts) if settings.hook else None
        self._file = None
        if settings.status_file:
            self._file = StatusFile(Path(settings.status_file), gateway, self._board.standings, depth, counts)

    def take(self, sample: Sample, verdict: Verdict) -> None:
        """Tell what a sample changes; never waits."""
        event = self._board.take(sample, verdict)
        if event is None:
            return
        _say(event)
        if self._hook:
            self._hook.put(event)
        if self._file:
            self._file.changed()

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What must run until it is cancelled."""
        return [part.run() for part in (self._hook, self._file) if part]


def _say(event: Event) -> None:
    said = {"point": event.point, "kind": event.kind}
    if event.state is State.LIVE or event.kind == "seal":
        log.warning("%(point)s: the sealed line is not dead (%(kind)s)", said)
    else:
        log.info("%(point)s: the sealed line is %(state)s (%(kind)s)", {**said, "state": event.state.value})
