"""What time a sample has, whatever is done to the wall clock."""

import functools
import time
from pathlib import Path

import pytest

from stillcold_agent import app
from stillcold_agent.batcher import Batcher, Collected, Importance
from stillcold_agent.boot import Moment, now
from stillcold_agent.clock import Clock
from stillcold_agent.config import Batch
from stillcold_agent.counts import Counts
from stillcold_agent.edge import Change, Verdict
from stillcold_agent.modbus import bus
from stillcold_core.contract.batch import Batch as Sent
from stillcold_core.contract.steps import Step
from stillcold_core.profiles import Profile
from stillcold_core.readings import Sample
from support import Mosquitto, wait_for_async
from support.agents import RunningAgent
from support.raw_meter import RawMeter, Registers

TRUE = 1_800_000_000.0
"""UTC at the boot of the machine, s; its monotonic clock begins with 0."""


class Machine:
    """A machine with a wall clock that anybody may set."""

    def __init__(self, behind: float = 0.0, *, synced: bool = False) -> None:
        self.monotonic, self.off, self.synced = 20.0, -behind, synced
        self.counts = Counts()

    def read(self) -> Moment:
        """Both clocks."""
        return Moment(TRUE + self.monotonic + self.off, self.monotonic)

    def clock(self, newest: float | None = None, wait: float = 300.0) -> Clock:
        """As an agent that starts now follows it."""
        return Clock(newest, wait, self.counts, read=self.read, synchronised=lambda: self.synced)

    def samples(self, count: int) -> list[Sample]:
        """One a second, dated by the wall clock."""
        found = []
        for _ in range(count):
            self.monotonic += 1
            found.append(Sample("p1", self.read().time, {"active_power": 0.0}, self.monotonic))
        return found


def settled(clock: Clock, samples: list[Sample]) -> Collected:
    return clock.settled(Collected({"p1": samples}, "quiet", Importance.QUIET))


def off(collected: Collected) -> list[float]:
    """By how much each time is wrong, s."""
    return [round(s.time - TRUE - s.monotonic, 3) for s in collected.samples["p1"]]


@pytest.mark.requirement("agent.clock.corrected")
def test_what_was_read_before_the_clock_was_set_has_its_right_time() -> None:
    """By the monotonic clock; the batch says that its times are right, and what was done to the clock."""
    machine = Machine(behind=7200)
    clock = machine.clock(newest=TRUE)
    early = machine.samples(30)
    assert clock.holds(machine.monotonic)
    machine.off, machine.synced = 0.0, True
    assert clock.look()
    assert not clock.holds(machine.monotonic)
    batch = settled(clock, [*early, *machine.samples(3)])
    assert off(batch) == [0.0] * 33
    assert (batch.synced, batch.steps) == (True, (Step(50_000, 7_200_000),))
    assert not settled(clock, machine.samples(1)).steps


@pytest.mark.requirement("agent.clock.held")
def test_a_clock_that_is_behind_is_waited_for_and_a_restart_is_not() -> None:
    """No longer than it is told."""
    machine = Machine(behind=7200)
    clock = machine.clock(newest=TRUE, wait=60)
    assert [clock.holds(20.0 + s) for s in (0, 59, 60)] == [True, True, False]
    (sample,) = machine.samples(1)
    batcher = Batcher(Batch())
    batcher.add([sample], Verdict(change=Change.FIRST), 0.0)
    assert batcher.due(1000.0, held=True) is None
    batcher.add([sample], Verdict("power"), 0.0)
    live = batcher.due(1000.0, held=True)
    assert live
    assert live.importance is Importance.LIVE


@pytest.mark.requirement("agent.clock.held")
def test_times_never_go_back_behind_what_the_journal_holds() -> None:
    """What must leave before the clock is set comes after what left before: the server's rules would leave it aside."""
    machine = Machine(behind=7200)
    batch = settled(machine.clock(newest=TRUE), machine.samples(3))
    times = [s.time for s in batch.samples["p1"]]
    assert [t - TRUE for t in times] == [1.0, 2.0, 3.0]
    assert not batch.synced


@pytest.mark.requirement("agent.clock.held")
def test_what_was_read_before_a_clock_was_set_by_hand_does_not_go_back_either() -> None:
    """Without a time service: it has the time of the clock as it was set. What was read by that clock stays."""
    machine = Machine(behind=7200)
    clock = machine.clock(newest=TRUE)
    early = machine.samples(30)
    machine.off = 0.0
    assert not clock.look()
    after = machine.samples(3)
    machine.off = 900.0
    batch = settled(clock, [*early, *after])
    assert off(batch) == [0.0] * 33
    assert not batch.synced


def test_a_clock_of_which_nothing_is_known_is_taken_as_it_is() -> None:
    """A first start, and a machine whose clock is kept by its host."""
    for newest in (None, TRUE - 100):
        machine = Machine()
        clock = machine.clock(newest)
        assert not clock.holds(machine.monotonic)
        assert off(settled(clock, machine.samples(3))) == [0.0] * 3


@pytest.mark.requirement("agent.clock.steps")
def test_a_clock_that_is_set_by_hand_moves_no_sample() -> None:
    """It is seen, counted and said in the batch, back and forward; the kernel calls such a clock unsynchronised."""
    machine = Machine(synced=True)
    clock = machine.clock()
    machine.synced = False
    samples = machine.samples(5)
    machine.off = -3600.0
    samples += machine.samples(5)
    clock.look()
    machine.off = 0.0
    batch = settled(clock, [*samples, *machine.samples(5)])
    assert off(batch) == [0.0] * 15
    assert batch.synced
    assert batch.steps == (Step(30_000, -3_600_000), Step(35_000, 3_600_000))
    assert machine.counts.totals() == {"clock_step": 2}


@pytest.mark.requirement("agent.clock.steps")
@pytest.mark.parametrize(("moved", "seen"), [(-0.3, True), (-0.2, False), (1.9, False), (2.1, True)])
def test_what_a_time_service_does_to_a_clock_in_a_second_is_no_step(moved: float, seen: bool) -> None:
    """It slews by a tenth of a second at most."""
    machine = Machine(synced=True)
    clock = machine.clock()
    machine.off += moved
    clock.look()
    assert bool(settled(clock, machine.samples(1)).steps) is seen


@pytest.mark.requirement("agent.clock.corrected")
async def test_an_agent_that_starts_with_a_clock_two_hours_behind_signs_right_times(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut, on a machine without a clock: it reads at once, and signs when the clock is set."""
    behind, synced = 0.0, True

    def shown() -> Moment:
        moment = now()
        return Moment(moment.time - behind, moment.monotonic)

    monkeypatch.setattr(bus, "now", shown)
    monkeypatch.setattr(app, "Clock", functools.partial(Clock, read=shown, synchronised=lambda: synced))
    async with RawMeter(Registers(sdm630, {"active_energy_import": 5e6})) as far:
        rest = "[batch]\nquiet = 0.3\nchange = 0.3\n"
        rest += f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {far.port}\n'
        rest += '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\ninterval = 0.1\n'
        async with RunningAgent(tmp_path, mosquitto, rest) as first:
            await wait_for_async(lambda: first.far.batches, what="a batch of the first run")
        behind, synced = 7200.0, False
        began, asked = time.time(), len(far.requests)
        async with RunningAgent(tmp_path, mosquitto, rest) as second:
            await wait_for_async(lambda: len(far.requests) > asked + 40, what="some readings")
            assert second.far.batches == []
            behind, synced = 0.0, True
            await wait_for_async(lambda: second.far.batches, what="the batch that waited")
        _check(second.far.batches[0], began)
        assert second.counts.totals().get("clock_step") == 1


def _check(batch: Sent, began: float) -> None:
    times = batch.blocks[0].times
    assert len(times) >= 10
    assert began * 1000 - 1 <= times.min() <= times.max() <= time.time() * 1000
    assert batch.synced
    assert [7_199_000 < step.moved < 7_201_000 for step in batch.steps] == [True]
