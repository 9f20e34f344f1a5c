"""The report in the gateway's status: told when it has changed, and not too often."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from stillcold_agent.boot import now
from stillcold_agent.observe.progress import MeterView
from stillcold_agent.observe.snapshot import Observer, Snapshot
from stillcold_core.contract.report import BusReport, GatewayReport

_AT_LEAST = 3600.0  # s between reports where nothing changes
_MOST_BUSES, _MOST_COUNTS = 64, 128


class Reporter:
    """Tells reports for as long as it runs.

    Parameters
    ----------
    observer : Observer
        Of the agent.
    tell : callable
        Gets each report.
    interval : float
        s from one to the next at least.
    """

    def __init__(self, observer: Observer, tell: Callable[[GatewayReport], None], interval: float) -> None:
        self._observer, self._tell, self._interval = observer, tell, interval
        self._told: object = None
        self._told_at = float("-inf")

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            report = report_of(await self._observer.look())
            monotonic = now().monotonic
            if _gist(report) != self._told or monotonic - self._told_at >= _AT_LEAST:
                self._told, self._told_at = _gist(report), monotonic
                self._tell(report)
            await asyncio.sleep(self._interval)


def report_of(snapshot: Snapshot) -> GatewayReport:
    """What a snapshot shows."""
    journal, clock = snapshot.journal, snapshot.clock
    return GatewayReport(
        at=_moment(snapshot.time),
        meters=len(snapshot.meters),
        silent=_silent(snapshot.meters),
        synced=clock.synced,
        clock_offset=clock.offset if clock.synced else None,
        clock_error=clock.error if clock.synced else None,
        waiting=journal.depth if journal else None,
        oldest=_moment(journal.oldest) if journal and journal.oldest is not None else None,
        buses=tuple(_bus(snapshot, view.bus, view.connected) for _, view in snapshot.buses[:_MOST_BUSES]),
        counts=dict(sorted(snapshot.counts.items())[:_MOST_COUNTS]),
    )


def _gist(report: GatewayReport) -> object:
    """What makes a report worth telling: not the batch that has just been written and is on its way."""
    waiting = None if report.waiting is None else (report.waiting // 8).bit_length()
    return report.silent, report.synced, waiting, report.buses, report.counts


def _bus(snapshot: Snapshot, bus: str, connected: bool | None) -> BusReport:
    meters = [m for m in snapshot.meters if m.bus == bus]
    return BusReport(bus, len(meters), _silent(meters), connected)


def _silent(meters: Sequence[MeterView]) -> int:
    return sum(m.answers is False for m in meters)


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(round(time, 3), UTC)
