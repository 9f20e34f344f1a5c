"""When meters are read."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from stillcold_agent.config import TcpBus
from stillcold_agent.counts import Counts
from stillcold_agent.meters import Meter
from stillcold_agent.modbus import poller as module
from stillcold_agent.modbus.bus import Bus
from stillcold_agent.modbus.poller import Poller
from stillcold_core.profiles import Profile
from stillcold_core.readings import Sample
from support import wait_for_async
from support.meters import meter
from support.raw_meter import RawMeter, Registers


class FakeClock:
    """Stands for the time module: only a wall clock that is set by hand can jump."""

    def __init__(self, wall: float) -> None:
        self.wall = wall

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.mark.requirement("agent.poll.aligned")
async def test_readings_stand_at_whole_multiples_of_the_interval(two_blocks: Profile) -> None:
    """So that all gateways see the same moments, whenever they were started; each meter at its own."""
    samples: list[Sample] = []
    intervals = {"p1": 0.2, "p2": 0.6}
    async with RawMeter(Registers(two_blocks, {})) as far:
        meters = [meter(two_blocks, 1, interval=0.2), meter(two_blocks, 2, interval=0.6)]
        bus = Bus(TcpBus("b", "127.0.0.1", far.port), meters)
        poller = Poller(bus, meters, samples.append, Counts())
        await wait_for_async(lambda: 0.25 < time.time() % 0.6 < 0.35)  # in the middle of a slot of both
        work = asyncio.create_task(poller.run())
        await wait_for_async(lambda: [s.point for s in samples].count("p2") > 3)
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    for point, interval in intervals.items():
        times = [s.time for s in samples if s.point == point][1:]  # the first reading comes at once
        slots = [int(t // interval) for t in times]
        assert len(set(slots)) == len(slots)
        assert min(t - slot * interval for t, slot in zip(times, slots, strict=True)) < interval / 5
    assert 0 < bus.stats.lateness_last <= bus.stats.lateness_max < 0.6  # the first reading came in the middle of a slot
    assert bus.stats.lateness_max > 0.2


@contextlib.asynccontextmanager
async def polling(port: int, *meters: Meter) -> AsyncIterator[list[Sample]]:
    """A poller at work, and the samples that it has made so far."""
    samples: list[Sample] = []
    work = asyncio.create_task(
        Poller(Bus(TcpBus("b", "127.0.0.1", port), meters), meters, samples.append, Counts()).run()
    )
    yield samples
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


@pytest.mark.requirement("agent.slow")
async def test_what_changes_slowly_is_read_now_and_then(two_blocks: Profile) -> None:
    """With one of the other readings; those in between say nothing about it, and do not ask."""
    one = meter(two_blocks, interval=0.1, slow=("frequency",), slow_interval=1.0)
    async with RawMeter(Registers(two_blocks, {"frequency": 50.0, "active_power": 5})) as far:
        async with polling(far.port, one) as samples:
            await wait_for_async(lambda: sum("frequency" in s.values for s in samples) > 3)
        asked = [r.address for r in far.requests]
    with_it = [s.time for s in samples if "frequency" in s.values]
    assert [s.values for s in samples[:2]] == [{"active_power": 5.0, "frequency": 50.0}, {"active_power": 5.0}]
    assert all(s.number("active_power") == 5 for s in samples)
    assert len(with_it) <= with_it[-1] - with_it[0] + 2
    assert asked.count(10) == len(with_it)


@pytest.mark.requirement("agent.slow")
async def test_what_changes_slowly_is_read_as_soon_as_a_meter_answers_again(two_blocks: Profile) -> None:
    """It may be another meter by then."""
    one = meter(two_blocks, interval=0.1, slow=("frequency",), slow_interval=3600.0)
    answer = Registers(two_blocks, {"frequency": 50.0, "active_power": 5})
    async with RawMeter(answer) as far, polling(far.port, one) as samples:
        await wait_for_async(lambda: len(samples) > 2)
        await far.stop()
        await wait_for_async(lambda: samples[-1].number("active_power") is None)
        answer.values["frequency"] = 49.0
        await far.start()
        await wait_for_async(lambda: samples[-1].number("active_power") == 5)
        await wait_for_async(lambda: [s.number("frequency") for s in samples if s.number("frequency")] == [50.0, 49.0])


def test_a_slot_is_read_once_and_a_clock_that_jumps_costs_none(
    two_blocks: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backwards or forwards by years; only what the bus was too slow for is counted."""
    clock, counts, one = FakeClock(1e9), Counts(), meter(two_blocks)
    monkeypatch.setattr(module, "time", clock)
    poller = Poller(Bus(TcpBus("b", "127.0.0.1", 502), [one]), [one], lambda _: None, counts)
    due = []
    for wall in (1e9, 1e9 + 0.5, 1e9 + 1, 1e9 + 4, 1e9 - 9e8, 1e9 - 9e8 + 1, 2e9, 2e9 + 0.9, 2e9 + 1):
        clock.wall = wall
        due.append(poller._is_due(one))
    assert due == [True, False, True, True, True, True, True, False, True]
    assert counts.totals() == {"reading_skipped": 2}
    clock.wall = 2e9 + 1.25
    assert poller._until_next() == pytest.approx(0.75)
    clock.wall = 2e9 + 2.25  # a round that took longer than an interval
    assert poller._until_next() == 0
