"""One owner of a bus: order, dead slaves, lost connections, late answers."""

import asyncio
import dataclasses

import pytest

from stillcold_agent.config import RtuBus, TcpBus
from stillcold_agent.meters import Meter
from stillcold_agent.modbus.breaker import Breaker
from stillcold_agent.modbus.bus import Bus
from stillcold_agent.modbus.stats import BusStats
from stillcold_core.profiles import Profile
from stillcold_core.readings import Absence, Sample
from support.meters import meter
from support.raw_meter import RawMeter, Registers, Request, frame
from support.raw_rtu import RawRtu, RtuPty, as_rtu

FAST = 0.6


def settings(port: int, timeout: float = FAST) -> TcpBus:
    return TcpBus("b", "127.0.0.1", port, timeout)


async def until_all_show(power: float, bus: Bus, meters: list[Meter]) -> None:
    """Read until each meter shows a power."""
    async with asyncio.timeout(60):
        while [(await bus.read(m)).number("active_power") for m in meters] != [power] * len(meters):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # each round reads anew


async def test_a_reading_has_values_raw_words_and_both_clocks(two_blocks: Profile) -> None:
    """In the vocabulary's units; raw words where the profile keeps them."""
    async with RawMeter(Registers(two_blocks, {"frequency": 49.98, "active_power": 1234})) as far:
        bus = Bus(settings(far.port), [meter(two_blocks)])
        sample = await bus.read(meter(two_blocks))
        bus.close()
    assert sample.values == {"frequency": 49.98, "active_power": 1234.0}
    assert sample.raw == {"frequency": (4998,)}
    assert sample.time > 1.7e9
    assert sample.monotonic > 0


@pytest.mark.requirement("agent.read.no-zero")
async def test_a_failed_read_is_never_a_number(two_blocks: Profile) -> None:
    """Each quantity is absent with its cause, and has no raw words; the block that was answered stays."""

    def second_block_refused(request: Request) -> bytes:
        if request.address == 100:
            return frame(request, b"\x83\x04")
        return Registers(two_blocks, {"frequency": 50.0})(request)

    async with RawMeter(second_block_refused) as far:
        bus = Bus(settings(far.port), [meter(two_blocks)])
        assert (await bus.read(meter(two_blocks))).values == {"frequency": 50.0, "active_power": Absence.EXCEPTION}
        far.respond = lambda _: None
        sample = await bus.read(meter(two_blocks))
        assert sample.values == {"frequency": Absence.TIMEOUT, "active_power": Absence.TIMEOUT}
        assert sample.raw == {}
        await far.stop()
        sample = await bus.read(meter(two_blocks))
        assert sample.values == {"frequency": Absence.DISCONNECTED, "active_power": Absence.DISCONNECTED}
        bus.close()


@pytest.mark.requirement("agent.bus.dead-slave")
async def test_a_dead_slave_costs_the_others_one_timeout_per_attempt(two_blocks: Profile) -> None:
    """It is asked for one block only, and then left alone ever longer, while the others are read every time."""
    alive = Registers(two_blocks, {"active_power": 5})
    async with RawMeter(lambda r: None if r.unit == 1 else alive(r)) as far:
        meters = [meter(two_blocks, unit) for unit in (1, 2, 3)]
        bus = Bus(settings(far.port, 0.3), meters)
        rounds = [[await bus.read(m) for m in meters] for _ in range(30)]
        bus.close()
    assert all(s.number("active_power") == 5 for samples in rounds for s in samples[1:])
    causes = [samples[0].values["active_power"] for samples in rounds]
    assert causes[:3] == [Absence.TIMEOUT, Absence.TIMEOUT, Absence.BREAKER_OPEN]
    assert set(causes[2:]) == {Absence.BREAKER_OPEN}
    assert len([r for r in far.requests if r.unit == 1]) == 2
    assert far.connections == 1


@pytest.mark.requirement("agent.bus.probe")
async def test_a_silent_meter_is_probed_by_one_small_request(two_blocks: Profile) -> None:
    """Only when that is answered is it read; many dead meters together take a fifth of the time at most."""
    alive = Registers(two_blocks, {"active_power": 5})
    dead = {2, 3, 4, 5}
    async with RawMeter(lambda r: None if r.unit in dead else alive(r)) as far:
        meters = [meter(two_blocks, unit) for unit in (1, 2, 3, 4, 5)]
        bus = Bus(settings(far.port, 0.3), meters)
        for one in meters:
            await bus.read(one)
        far.requests.clear()
        for one in meters:
            await bus.read(one)
        assert [(r.unit, r.address, r.count) for r in far.requests] == [(1, 10, 1), (1, 100, 1), (2, 10, 1)]
        dead.clear()
        await until_all_show(5, bus, meters)
        bus.close()
    mine = [r.address for r in far.requests if r.unit == 4]
    assert mine[:3] == [10, 10, 100]


@pytest.mark.requirement("agent.bus.stats")
async def test_a_bus_counts_what_it_did(two_blocks: Profile) -> None:
    """Requests by what became of them, connections made again, meters left alone, and the time that it took."""
    causes = {1: None, 2: b"\x83\x02", 3: b"\x04\x02\x00\x01"}

    def respond(request: Request) -> bytes | None:
        content = causes[request.unit]
        return content and frame(request, content)

    async with RawMeter(respond) as far:
        meters = [meter(two_blocks, unit) for unit in (1, 2, 3)]
        bus = Bus(settings(far.port, 0.3), meters)
        for one in meters:
            await bus.read(one)
        first, busy = dataclasses.replace(bus.stats), bus.stats.busy
        await far.stop()
        await bus.read(meters[1])
        await far.start()
        far.respond = Registers(two_blocks, {"active_power": 5})
        await until_all_show(5, bus, meters)
        bus.close()
    assert dataclasses.replace(first, busy=0) == BusStats(
        "b", requests=4, timeouts=1, exceptions=2, bad_replies=1, breakers_open=2
    )
    assert busy > 0.29
    assert (bus.stats.reconnects, bus.stats.breakers_open) == (1, 0)


async def test_a_slave_that_comes_back_is_read_again(two_blocks: Profile) -> None:
    """One answered attempt is enough."""
    alive = Registers(two_blocks, {"active_power": 5})
    async with RawMeter(lambda _: None) as far:
        bus = Bus(settings(far.port, 0.3), [meter(two_blocks)])
        assert (await bus.read(meter(two_blocks))).values["active_power"] is Absence.TIMEOUT
        far.respond = alive
        assert (await bus.read(meter(two_blocks))).values["active_power"] == 5
        bus.close()


def test_a_breaker_waits_twice_as_long_each_time_and_a_minute_at_most() -> None:
    """One answer makes it forget."""
    breaker, pauses, at = Breaker(0.5), [], 100.0
    for _ in range(9):
        assert breaker.allows(at)
        breaker.failed(at)
        pauses.append(next(p for p in (0.5, 2, 4, 8, 16, 32, 60) if breaker.allows(at + p)))
        assert not breaker.allows(at + 0.99 * pauses[-1])
        at += pauses[-1]
    assert pauses == [0.5, 2, 4, 8, 16, 32, 60, 60, 60]
    breaker.succeeded()
    assert breaker.allows(at)
    breaker.failed(at)
    assert breaker.allows(at + 0.5)


@pytest.mark.requirement("agent.bus.reconnect")
async def test_a_converter_that_restarts_is_connected_again(two_blocks: Profile) -> None:
    """Whether it breaks the connection off or not, by one attempt at a time."""
    alive = Registers(two_blocks, {"active_power": 5})
    async with RawMeter(alive) as far:
        bus = Bus(settings(far.port), [meter(two_blocks)])
        assert (await bus.read(meter(two_blocks))).number("active_power") == 5
        await far.stop()
        assert (await bus.read(meter(two_blocks))).values["active_power"] is Absence.DISCONNECTED
        await far.start()
        await until_all_show(5, bus, [meter(two_blocks)])
        bus.close()
    assert far.connections == 2


@pytest.mark.requirement("agent.bus.half-open")
async def test_a_connection_on_which_nobody_answers_is_made_anew(two_blocks: Profile) -> None:
    """A far end that forgot the connection without a word is found by silence."""
    alive = Registers(two_blocks, {"active_power": 5})
    async with RawMeter(lambda r: alive(r) if far.connections > 1 else None) as far:
        meters = [meter(two_blocks, unit) for unit in (1, 2, 3)]
        bus = Bus(settings(far.port, 0.3), meters)
        await until_all_show(5, bus, meters)
        bus.close()
    assert far.connections == 2


@pytest.mark.requirement("agent.read.late-reply")
async def test_a_late_answer_on_a_serial_line_is_not_taken_for_the_next_one(two_blocks: Profile) -> None:
    """Frames carry no number there, and both blocks are one register long: after a timeout the meter gets a rest."""
    alive = as_rtu(Registers(two_blocks, {"frequency": 50.0, "active_power": 7777}))
    slave = RawRtu()
    late: list[bytes] = []

    def respond(request: Request) -> bytes | None:
        if len(slave.requests) == 2:
            asyncio.get_running_loop().call_later(1.6 * FAST, lambda: late.append(pty.send(alive(request))))
            return None
        return alive(request)

    slave.respond = respond
    samples: list[Sample] = []
    async with RtuPty(slave) as pty:
        bus = Bus(RtuBus("b", pty.device, timeout=FAST), [meter(two_blocks)])
        while len(samples) < 4:
            sample = await bus.read(meter(two_blocks))
            if sample.values["frequency"] is Absence.BREAKER_OPEN:
                await asyncio.sleep(0.01)
            else:
                samples.append(sample)
        bus.close()
    assert [s.values["frequency"] for s in samples] == [50.0, 50.0, 50.0, 50.0]
    assert [s.values["active_power"] for s in samples] == [Absence.TIMEOUT, 7777, 7777, 7777]
    assert len(late) == 1
