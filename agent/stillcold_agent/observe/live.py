"""What every meter showed last and how the buses get on, for somebody who watches at the gateway."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stillcold_agent.meters import Meter
from stillcold_agent.modbus.stats import BusStats
from stillcold_core.readings import Absence, Sample


class LiveMeter(msgspec.Struct, frozen=True):
    """One meter's last reading: numbers and causes of absence by quantity; ``read`` is UTC in s, None before it."""

    point: str
    bus: str
    unit: int
    sealed: bool
    read: float | None
    values: Mapping[str, float]
    absent: Mapping[str, Absence]


class LiveBus(msgspec.Struct, frozen=True):
    """One bus since the start: counts of requests by what became of them, seconds, and meters that are left alone."""

    bus: str
    requests: int
    timeouts: int
    exceptions: int
    bad_replies: int
    reconnects: int
    resting: int
    lateness_last: float
    lateness_max: float
    busy: float


class LiveUplink(msgspec.Struct, frozen=True):
    """The way to the server: batches that wait, and for how many seconds the oldest has; None where nobody knows."""

    connected: bool
    waiting: int | None
    oldest: float | None


class LiveState(msgspec.Struct, frozen=True):
    """All of it at one moment; ``time`` and ``started`` are UTC, s. There is no uplink where no agent runs."""

    gateway: str
    time: float
    started: float
    meters: Sequence[LiveMeter]
    buses: Sequence[LiveBus]
    uplink: LiveUplink | None = None


class Live:
    """Remembers the last sample of each meter.

    Parameters
    ----------
    gateway : str
        Whose.
    meters : iterable of Meter
        All meters, in the order in which they are shown.
    buses : sequence of BusStats
        Of their buses.
    started : float
        UTC, s.
    """

    def __init__(self, gateway: str, meters: Iterable[Meter], buses: Sequence[BusStats], started: float) -> None:
        self._gateway, self._meters, self._buses, self._started = gateway, list(meters), buses, started
        self._last: dict[str, Sample] = {}

    def take(self, sample: Sample) -> None:
        """Learn from a sample. What it did not ask for stays as it was, unless the meter is silent now."""
        last = self._last.get(sample.point)
        if last and any(not isinstance(v, Absence) for v in sample.values.values()):
            sample = dataclasses.replace(sample, values={**last.values, **sample.values})
        self._last[sample.point] = sample

    def state(self, time: float, uplink: LiveUplink | None = None) -> LiveState:
        """Everything at ``time``, UTC in s."""
        meters = [_shown(meter, self._last.get(meter.point)) for meter in self._meters]
        return LiveState(self._gateway, time, self._started, meters, [_counted(b) for b in self._buses], uplink)


def _shown(meter: Meter, sample: Sample | None) -> LiveMeter:
    values = sample.values if sample else {}
    numbers = {q: v for q, v in values.items() if not isinstance(v, Absence)}
    absent = {q: v for q, v in values.items() if isinstance(v, Absence)}
    read = sample.time if sample else None
    return LiveMeter(meter.point, meter.bus, meter.unit, meter.limits is not None, read, numbers, absent)


def _counted(stats: BusStats) -> LiveBus:
    return LiveBus(
        bus=stats.bus,
        requests=stats.requests,
        timeouts=stats.timeouts,
        exceptions=stats.exceptions,
        bad_replies=stats.bad_replies,
        reconnects=stats.reconnects,
        resting=stats.breakers_open,
        lateness_last=stats.lateness_last,
        lateness_max=stats.lateness_max,
        busy=stats.busy,
    )
