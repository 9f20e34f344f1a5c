"""Everything that the agent tells of itself, at one moment."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillcold_agent.boot import ClockState, clock_state, now
from stillcold_agent.counts import Counts
from stillcold_agent.journal.stats import JournalStats
from stillcold_agent.journal.store import Journal
from stillcold_agent.modbus.stats import BusStats
from stillcold_agent.observe.progress import BusView, MeterView, Progress
from stillcold_agent.uplink.stats import UplinkStats

_FRESH = 1.0  # s that a snapshot serves whoever asks: however often that is, the journal is asked once
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The agent at one moment.

    Attributes
    ----------
    time, monotonic : float
        Now: UTC, s since 1970, and s of the machine's monotonic clock.
    started : float
        UTC, s since 1970.
    counts : mapping of str to int
        What was dropped, refused or missed, by reason.
    buses : sequence of (BusStats, BusView)
        What each bus did, and how it gets on.
    meters : sequence of MeterView
        What each meter showed last.
    journal : JournalStats or None
        None where it cannot be read.
    failed : float or None
        Monotonic time, s, at which a new failure of the journal's disk was seen last.
    uplink : UplinkStats
        The way to the broker.
    clock : ClockState
        Of the wall clock.
    cpu : float
        s of processor time used.
    memory : int or None
        Bytes resident; None where the kernel does not say.
    """

    time: float
    monotonic: float
    started: float
    counts: Mapping[str, int]
    buses: Sequence[tuple[BusStats, BusView]]
    meters: Sequence[MeterView]
    journal: JournalStats | None
    failed: float | None
    uplink: UplinkStats
    clock: ClockState
    cpu: float
    memory: int | None

    @property
    def written(self) -> float | None:
        """Bytes that the process has caused to be written to storage; None where the kernel does not say."""
        if self.journal is None or self.journal.written_kb is None:
            return None
        return self.journal.written_kb * 1000

    @property
    def waiting_for(self) -> float | None:
        """s that the oldest batch has waited for the server; None where none waits or the journal cannot be read."""
        if self.journal is None or self.journal.oldest is None:
            return None
        return max(self.time - self.journal.oldest, 0.0)


class Observer:
    """Takes snapshots, in the event loop's thread.

    Parameters
    ----------
    counts : Counts
        Of the agent.
    progress : Progress
        Of its buses and meters.
    buses : iterable of BusStats
        Of all buses.
    journal : Journal
        Asked in another thread, since it may be waiting for the disk.
    uplink : UplinkStats
        Of the way to the broker.
    """

    def __init__(
        self,
        counts: Counts,
        progress: Progress,
        buses: Iterable[BusStats],
        journal: Journal,
        uplink: UplinkStats,
    ) -> None:
        self._counts, self._progress, self._journal, self._uplink = counts, progress, journal, uplink
        self._buses = [(stats, progress.buses[stats.bus]) for stats in buses]
        self._started = time.time()
        self._lock = asyncio.Lock()
        self._last: Snapshot | None = None
        self._errors = 0
        self._failed: float | None = None

    async def look(self) -> Snapshot:
        """The agent now, or up to a second ago."""
        async with self._lock:
            if self._last is None or now().monotonic - self._last.monotonic >= _FRESH:
                self._last = self._taken(await asyncio.to_thread(_asked, self._journal.stats))
            return self._last

    def _taken(self, journal: JournalStats | None) -> Snapshot:
        moment, counts = now(), self._counts.totals()
        if counts.get("journal_error", 0) > self._errors:
            self._errors, self._failed = counts["journal_error"], moment.monotonic
        return Snapshot(
            time=moment.time,
            monotonic=moment.monotonic,
            started=self._started,
            counts=counts,
            buses=self._buses,
            meters=list(self._progress.meters.values()),
            journal=journal,
            failed=self._failed,
            uplink=self._uplink,
            clock=clock_state(),
            cpu=_cpu(),
            memory=_memory(),
        )


def _asked(stats: Callable[[], JournalStats]) -> JournalStats | None:
    try:
        return stats()
    except sqlite3.Error:
        return None


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory() -> int | None:
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return None
