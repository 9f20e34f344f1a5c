"""What every meter showed last and how the buses get on, for somebody who watches at the gateway."""

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
        self._whole: dict[str, Sample] = {}  # the last that has what is read more rarely

    def take(self, sample: Sample) -> None:
        """Learn from a sample. What it did not ask for stays as it was, unless the meter is silent now."""
        self._last[sample.point] = sample
        whole = self._whole.get(sample.point)
        rarer = whole is not None and len(sample.values) < len(whole.values)
        if not rarer or all(isinstance(v, Absence) for v in sample.values.values()):
            self._whole[sample.point] = sample

    def state(self, time: float, uplink: LiveUplink | None = None) -> LiveState:
        """Everything at ``time``, UTC in s."""
        meters = [self._shown(meter) for meter in self._meters]
        return LiveState(self._gateway, time, self._started, meters, [_counted(b) for b in self._buses], uplink)

    def _shown(self, meter: Meter) -> LiveMeter:
        last = self._last.get(meter.point)
        values = {**self._whole[meter.point].values, **last.values} if last else {}
        numbers = {q: v for q, v in values.items() if not isinstance(v, Absence)}
        absent = {q: v for q, v in values.items() if isinstance(v, Absence)}
        read = last.time if last else None
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
