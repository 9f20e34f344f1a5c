"""When each meter of a bus is read: at whole multiples of its interval, by the wall clock.

What changes slowly is asked for now and then, with one of these readings.
"""

import time
from collections.abc import Callable, Sequence

from stillcold_agent import loop
from stillcold_agent.counts import Counts
from stillcold_agent.meters import Meter
from stillcold_agent.modbus.bus import GIVEN_UP, Bus
from stillcold_agent.modbus.pace import Pace
from stillcold_agent.modbus.stats import BusStats
from stillcold_core.readings import Sample

_CLOCK_JUMP = 60
"""Slots; a longer step between two readings is the wall clock's, not the bus's."""


class Poller:
    """Reads the meters of one bus, for ever.

    Parameters
    ----------
    bus : Bus
        Theirs.
    meters : sequence of Meter
        In the order of reading.
    take : callable
        Gets each sample.
    counts : Counts
        ``reading_skipped`` counts readings that the bus was too slow for.
    """

    def __init__(self, bus: Bus, meters: Sequence[Meter], take: Callable[[Sample], None], counts: Counts) -> None:
        self._bus, self._meters, self._take, self._counts = bus, meters, take, counts
        self._pace = Pace(meters)
        self._slots: dict[str, int] = {}
        self._slow_slots: dict[str, int] = {}
        self._phases = {m.point: i / len(meters) for i, m in enumerate(meters)}

    @property
    def stats(self) -> BusStats:
        """What its bus has done so far."""
        return self._bus.stats

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            while True:
                for meter in self._pace.order():
                    if self._pace.wait(meter, time.monotonic()) <= 0 and self._is_due(meter):
                        self._take(await self._read(meter))
                await loop.sleep(self._until_next())
        finally:
            self._bus.close()

    async def _read(self, meter: Meter) -> Sample:
        slow = self._slow_slot(meter) if meter.slow_reads else 0
        wanted = bool(meter.slow_reads) and slow != self._slow_slots.get(meter.point)
        self._bus.stats.late(time.time() % meter.interval)
        began = time.monotonic()
        sample = await self._bus.read(meter, slow=wanted)
        ended = time.monotonic()
        if not GIVEN_UP.isdisjoint(sample.values.values()):
            self._pace.lost(ended, ended - began)
            self._slow_slots.pop(meter.point, None)  # what answers again may be another meter
            return sample
        self._pace.took(meter, ended, ended - began)
        if wanted:
            self._slow_slots[meter.point] = slow
        return sample

    def _slow_slot(self, meter: Meter) -> int:
        """Each meter at another moment: the slow requests of all at once would make the others late."""
        return int(time.time() / meter.slow_interval + self._phases[meter.point])

    def _is_due(self, meter: Meter) -> bool:
        """Whether a new slot of the meter has begun. A wall clock that jumps, either way, costs no more than a slot."""
        slot, last = int(time.time() // meter.interval), self._slots.get(meter.point)
        if slot == last:
            return False
        if last is not None and 1 < slot - last <= _CLOCK_JUMP:
            self._counts.add("reading_skipped", slot - last - 1)
        self._slots[meter.point] = slot
        return True

    def _until_next(self) -> float:
        """Seconds until a meter is due; none are left where a round took longer than an interval."""
        wall, monotonic = time.time(), time.monotonic()
        return max(0.0, min(self._until_due(m, wall, monotonic) for m in self._meters))

    def _until_due(self, meter: Meter, wall: float, monotonic: float) -> float:
        """A slow meter that has to wait is left for a later slot: read late in this one, it makes the next one late."""
        slot = wall // meter.interval
        if int(slot) != self._slots.get(meter.point) and self._pace.wait(meter, monotonic) <= 0:
            return 0.0
        return (slot + 1) * meter.interval - wall
