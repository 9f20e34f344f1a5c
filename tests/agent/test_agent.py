"""The whole agent as its own process: real meters' protocol, real broker, real signals."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillcold_agent.identity import load_or_make_key
from stillcold_core.contract.batch import Batch
from stillcold_core.contract.messages import Acknowledgement
from stillcold_core.evidence.envelope import GENESIS, digest
from stillcold_core.profiles import Profile
from stillcold_core.readings import Absence, Sample, Value
from stillcold_sim.scenario import Fault
from stillcold_sim.wire import PtyPort
from support import Mosquitto, Process, wait_for_async
from support.acker import Acker, accept
from support.raw_meter import RawMeter, Registers

GATEWAY = "gw-1"
DEAD = {"voltage_l1": 0.0, "current_l1": 0.3, "active_energy_import": 5e6}


class Plant:
    """A folder with a configuration, the broker, the server's side, and the agent to start."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        self.file = folder / "agent.toml"
        (folder / "data").mkdir()
        self.key = load_or_make_key(folder / "data")
        self.far = Acker(broker.port, GATEWAY, self.key.public_key())
        self.agent = Process(
            [sys.executable, "-m", "stillcold_agent.cli", "run", "--config", str(self.file)], folder / "agent.log"
        )

    def configure(self, rest: str) -> None:
        """Write the configuration."""
        self.file.write_text(f'gateway = "{GATEWAY}"\ndata_dir = "data"\n[mqtt]\nport = {self.broker.port}\n{rest}')

    async def more_batches(self, count: int) -> None:
        """Wait for as many more than there are."""
        before = len(self.far.batches)
        await wait_for_async(lambda: len(self.far.batches) >= before + count, what=f"{count} more batches")


@pytest.fixture
def plant(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Plant]:
    one = Plant(tmp_path, mosquitto)
    with one.far:
        yield one
    if one.agent.alive:
        one.agent.kill()
    one.far.check()


def tcp(port: int, *, timeout: float = 1.0) -> str:
    return f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\ntimeout = {timeout}\n'


def device(point: str, *, unit: int = 1, interval: float = 0.1, sealed: bool = True) -> str:
    line = "sealed = true\nrated_power = 750e3\n" if sealed else ""
    head = f'[[device]]\nbus = "b"\nunit = {unit}\nprofile = "eastron-sdm630"\n'
    return head + f'point = "{point}"\ninterval = {interval}\n{line}'


def chain(batches: list[Batch], envelopes: list[bytes]) -> list[int]:
    """Sequences of an unbroken chain, repeated batches left out; fails where it is broken."""
    by_sequence = dict(zip((b.sequence for b in batches), zip(batches, envelopes, strict=True), strict=True))
    previous = GENESIS
    for sequence in sorted(by_sequence):
        batch, envelope = by_sequence[sequence]
        assert batch.previous == previous, f"the chain is broken at {sequence}"
        previous = digest(envelope)
    return sorted(by_sequence)


@pytest.mark.requirement("agent.restart.at-once")
async def test_a_restart_goes_out_at_once_and_its_course_follows(plant: Plant, sdm630: Profile) -> None:
    """The batch that is closed by it holds the first sample that shows it, long before the quiet minute is over."""
    shown = Registers(sdm630, DEAD)
    async with RawMeter(shown) as far:
        plant.configure("[batch]\nquiet = 3000\nchange = 3000\nlive = 0.5\n" + tcp(far.port) + device("p1"))
        plant.agent.start()
        await wait_for_async(lambda: len(far.requests) > 40, what="a few readings")
        assert plant.far.batches == []
        shown.values |= {"voltage_l1": 228.0, "current_l1": 900.0, "active_power": 600e3}
        await wait_for_async(lambda: plant.far.batches, what="the batch that was closed at once")
        first = [s.number("active_power") for s in plant.far.batches[0].blocks[0].samples()]
        assert first[-1] == 600e3
        assert set(first[:-1]) == {0.0}
        await wait_for_async(lambda: len(plant.far.batches) > 2, what="the course of it")
        assert plant.agent.stop() == 0
    assert "p1: the sealed line is not dead (power)" in plant.agent.output


@pytest.mark.requirement("agent.stop.clean")
async def test_sigterm_sends_what_is_left_says_offline_and_ends_with_0(plant: Plant, sdm630: Profile) -> None:
    """Every sample that was read is at the server; nothing waits in the journal."""
    async with RawMeter(Registers(sdm630, DEAD)) as far:
        plant.configure("[batch]\nquiet = 3000\nchange = 3000\n" + tcp(far.port) + device("p1"))
        plant.agent.start()
        await wait_for_async(lambda: len(far.requests) > 40, what="a few readings")
        assert plant.agent.stop() == 0
        requests_a_reading = 4
        read = len(far.requests) // requests_a_reading
    await wait_for_async(lambda: plant.far.statuses[-1].state == "offline")
    (batch,) = plant.far.batches
    assert len(batch.blocks[0].times) in {read, read - 1}
    assert "stopped; counted: nothing" in plant.agent.output


async def test_sigterm_without_a_broker_ends_too_and_loses_nothing(plant: Plant, sdm630: Profile) -> None:
    """What was read is in the journal and goes out at the next start."""
    async with RawMeter(Registers(sdm630, DEAD)) as far:
        plant.configure("[batch]\nquiet = 3000\nchange = 3000\n" + tcp(far.port) + device("p1"))
        plant.broker.stop()
        plant.agent.start()
        await wait_for_async(lambda: len(far.requests) > 40, what="a few readings")
        assert plant.agent.stop() == 0
        plant.broker.start()
        plant.agent.start()
        await wait_for_async(lambda: plant.far.batches, what="the batch of the first run")
        assert plant.agent.stop() == 0


@pytest.mark.requirement("agent.journal.kill")
async def test_a_killed_agent_leaves_an_unbroken_chain(plant: Plant, sdm630: Profile) -> None:
    """Killed while it reads, signs, writes and sends, again and again: no hole, no fork, nothing lost."""
    refused_once: set[int] = set()

    def forgetful(batch: Batch, envelope: bytes) -> Acknowledgement | None:
        """Acknowledges a batch only when it comes a second time."""
        if batch.sequence in refused_once:
            return accept(batch, envelope)
        refused_once.add(batch.sequence)
        return None

    plant.far.reply = forgetful
    async with RawMeter(Registers(sdm630, DEAD)) as far:
        plant.configure("[batch]\nquiet = 0.05\nchange = 0.05\n" + tcp(far.port) + device("p1", interval=0.05))
        for kills in range(1, 5):
            plant.agent.start()
            await plant.more_batches(4)
            if kills < 4:
                plant.agent.kill()
        plant.far.reply = accept
        assert plant.agent.stop() == 0
    sequences = chain(plant.far.batches, plant.far.envelopes)
    assert sequences == list(range(1, len(sequences) + 1))
    assert len({b.epoch for b in plant.far.batches}) == 1
    assert len({digest(e) for e in plant.far.envelopes}) == len(sequences)


@pytest.mark.requirement("agent.read.silent-is-not-dead")
async def test_a_meter_that_fails_is_silent_not_dead(plant: Plant, sdm630: Profile) -> None:
    """Its samples carry the cause, and its neighbour's are complete."""
    shown = Registers(sdm630, DEAD)

    def samples(point: str) -> list[Sample]:
        return [s for batch in plant.far.batches for b in batch.blocks for s in b.samples() if s.point == point]

    def causes() -> set[Value]:
        return {v for s in samples("p2") for v in s.values.values()}

    async with RawMeter(lambda r: None if r.unit == 2 else shown(r)) as far:
        plant.configure("[batch]\nquiet = 1\n" + tcp(far.port) + device("p1") + device("p2", unit=2))
        plant.agent.start()
        await wait_for_async(lambda: len(causes()) > 1, what="silence and then rest")
        assert plant.agent.stop() == 0
    assert causes() == {Absence.TIMEOUT, Absence.BREAKER_OPEN}
    assert {s.number("active_power") for s in samples("p1")} == {0.0}


class FlatSlave:
    """A float meter that shows one value everywhere."""

    def read(self, _function: int, _address: int, count: int) -> list[int]:
        return [0x4248, 0x0000] * (count // 2)  # 50.0

    def troubles(self) -> list[Fault]:
        return []


async def test_meters_on_a_serial_line_are_read_too(plant: Plant) -> None:
    """Modbus RTU over a pseudo-terminal."""
    port = PtyPort({1: FlatSlave(), 2: FlatSlave()})
    bus = f'[[bus]]\nid = "b"\nkind = "rtu"\ndevice = "{port.device}"\n'
    devices = device("p1", sealed=False) + device("p2", unit=2, sealed=False)
    plant.configure("[batch]\nquiet = 0.5\nchange = 0.5\n" + bus + devices)
    try:
        plant.agent.start()
        await wait_for_async(lambda: plant.far.batches)
        assert plant.agent.stop() == 0
    finally:
        await port.close()
    samples = [s for b in plant.far.batches[0].blocks for s in b.samples()]
    assert {s.point for s in samples} == {"p1", "p2"}
    assert {s.number("frequency") for s in samples} == {50.0}


async def test_two_agents_never_share_a_journal(plant: Plant, sdm630: Profile) -> None:
    """The second one is refused before it does anything."""
    async with RawMeter(Registers(sdm630, DEAD)) as far:
        plant.configure(tcp(far.port) + device("p1"))
        plant.agent.start()
        await wait_for_async(lambda: far.requests)
        second = Process(plant.agent.command, plant.folder / "second.log")
        second.start()
        await wait_for_async(lambda: not second.alive)
        assert second.stop() == 2
        assert "another agent runs in it" in second.output
        assert plant.agent.stop() == 0
