"""What a gateway says at its own place."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stillcold_agent.config import load_config
from stillcold_agent.counts import Counts
from stillcold_agent.edge import Watch
from stillcold_agent.local.hook import Hook
from stillcold_agent.local.standing import Board, Event, State
from stillcold_agent.local.status_file import StatusFile
from stillcold_core.files import BadFile
from stillcold_core.profiles import Profile
from stillcold_core.readings import Absence, Sample, Value
from support import Mosquitto, wait_for_async
from support.agents import RunningAgent
from support.meters import meter
from support.raw_meter import RawMeter, Registers

DEAD: dict[str, Value] = {"voltage_l1": 0.0, "current_l1": 0.4, "active_power": 0.0, "active_energy_import": 1e6}
SILENT: dict[str, Value] = dict.fromkeys(DEAD, Absence.TIMEOUT)
MELTING = DEAD | {"active_power": 600e3}
BEGAN = 1_800_000_000.0


def events(profile: Profile, shown: Sequence[Mapping[str, Value]]) -> list[tuple[float, State, str]]:
    """Second of the reading that it tells of, state and kind of each event of a meter that is read every second."""
    one = meter(profile, rated_power=750e3)
    watch, board, found = Watch(one), Board([one]), []
    for i, values in enumerate(shown):
        sample = Sample("p1", BEGAN + i, values, float(i))
        if event := board.take(sample, watch.judge(sample)):
            found.append((event.time - BEGAN, event.state, event.kind))
    return found


@pytest.mark.requirement("agent.local.standing")
def test_a_line_is_dead_or_live_only_while_it_is_measured(sdm630: Profile) -> None:
    """Silence is neither; what runs in short turns is one event."""
    assert events(sdm630, [DEAD, DEAD, SILENT, SILENT, DEAD]) == [
        (0, State.DEAD, "dead"),
        (2, State.UNKNOWN, "silent"),
        (4, State.DEAD, "dead"),
    ]
    assert events(sdm630, [*[DEAD] * 3, *[MELTING, DEAD, DEAD] * 20, *[DEAD] * 70]) == [
        (0, State.DEAD, "dead"),
        (3, State.LIVE, "power"),
        (61, State.DEAD, "dead"),
    ]


@pytest.mark.requirement("agent.local.standing")
def test_what_shows_no_power_proves_no_death(sdm630: Profile) -> None:
    """Water may stand still while the furnace runs."""
    assert events(sdm630, [{"voltage_l1": 0.0}] * 5) == [(0, State.UNKNOWN, "no_proof")]


@pytest.mark.requirement("agent.local.standing")
def test_a_point_that_is_not_read_any_more_is_unknown(sdm630: Profile) -> None:
    """Though nothing has said so."""
    one = meter(sdm630, rated_power=750e3)
    watch, board = Watch(one), Board([one, meter(sdm630, 2)])
    sample = Sample("p1", BEGAN, DEAD, 100.0)
    board.take(sample, watch.judge(sample))
    assert [(s.point, s.state) for s in board.standings(104.0)] == [("p1", State.DEAD)]
    (late,) = board.standings(106.0)
    assert (late.state, late.read) == (State.UNKNOWN, BEGAN)


@asynccontextmanager
async def hooked(command: Sequence[str], counts: Counts, most: float = 30.0) -> AsyncIterator[Hook]:
    """A hook at work."""
    hook = Hook(command, most, counts)
    task = asyncio.create_task(hook.run())
    yield hook
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def list_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def script(folder: Path, text: str) -> str:
    file = folder / "lamp"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


LIVE = Event("p1", State.LIVE, "power", BEGAN)
OVER = Event("p1", State.DEAD, "dead", BEGAN + 90.5)


@pytest.mark.requirement("agent.local.hook")
async def test_the_command_is_told_what_happened_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its arguments go through no shell, and the agent's own environment stays with the agent."""
    monkeypatch.setenv("SECRET", "broker password")
    told = tmp_path / "told"
    lamp = script(tmp_path, f'{{ echo "$# $1"; env | sort; }} >> {told}.new; mv {told}.new {told}.$STILLCOLD_STATE')
    async with hooked([lamp, "$(id); rm -rf *"], Counts()) as hook:
        hook.put(LIVE)
        hook.put(OVER)
        last = tmp_path / "told.dead"
        await wait_for_async(last.exists, what="the second run")
    first, *environment = (tmp_path / "told.live").read_text().splitlines()
    assert first == "1 $(id); rm -rf *"
    said = dict(line.split("=", 1) for line in environment)
    assert {k: v for k, v in said.items() if k.startswith("STILLCOLD_")} == {
        "STILLCOLD_POINT": "p1",
        "STILLCOLD_STATE": "live",
        "STILLCOLD_KIND": "power",
        "STILLCOLD_TIME": "2027-01-15T08:00:00.000+00:00",
    }
    assert "SECRET" not in said


@pytest.mark.requirement("agent.local.hook")
async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """And the next event is told."""
    counts, child = Counts(), tmp_path / "child"
    lamp = script(tmp_path, f"sleep 1000 & echo $! > {child}; wait")
    async with hooked([lamp], counts, most=0.5) as hook:
        hook.put(LIVE)
        hook.put(OVER)
        await wait_for_async(lambda: counts.totals() == {"hook_timeout": 2}, what="two runs that were killed")
    stat = Path("/proc") / child.read_text().strip() / "stat"
    await wait_for_async(lambda: not stat.exists() or stat.read_text().split()[2] == "Z", what="its child is dead")


@pytest.mark.requirement("agent.local.hook")
async def test_failures_are_counted_and_events_are_bounded(tmp_path: Path) -> None:
    """One at a time: while it runs, the newest events wait."""
    counts, gate, runs = Counts(), tmp_path / "gate", tmp_path / "runs"
    lamp = script(tmp_path, f"echo $STILLCOLD_KIND >> {runs}; while [ ! -e {gate} ]; do sleep 0.05; done; exit 3")
    async with hooked([lamp], counts) as hook:
        hook.put(LIVE)
        await wait_for_async(runs.exists, what="the first run")
        for i in range(70):
            hook.put(Event("p1", State.LIVE, f"k{i}", BEGAN))
        assert counts.totals() == {"hook_full": 6}
        assert runs.read_text().split() == ["power"]
        gate.touch()
        await wait_for_async(lambda: counts.totals().get("hook_failed") == 65, what="all that waited")
    assert runs.read_text().split() == ["power", *(f"k{i}" for i in range(6, 70))]
    async with hooked([str(tmp_path / "nothing")], counts) as hook:
        hook.put(LIVE)
        await wait_for_async(lambda: counts.totals()["hook_failed"] == 66, what="a program that is not there")


@pytest.mark.requirement("agent.local.status-file")
async def test_a_reader_of_the_status_file_never_sees_half_of_it(tmp_path: Path, sdm630: Profile) -> None:
    """It is replaced as a whole, and gone when nobody keeps it true."""
    meters = [meter(sdm630, unit, rated_power=750e3) for unit in range(1, 200)]
    path, counts = tmp_path / "status.json", Counts()
    file = StatusFile(path, "gw-1", Board(meters).standings, lambda: 3, counts)
    task, seen = asyncio.create_task(file.run()), set[str]()
    await wait_for_async(path.exists, what="the file")
    while len(seen) < 20:
        content = json.loads(path.read_text())
        assert len(content["points"]) == 199
        assert content["journal_depth"] == 3
        seen.add(content["written"])
        file.changed()
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not path.exists()
    assert not list_of(tmp_path)


@pytest.mark.requirement("agent.local.status-file")
async def test_a_status_file_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    """And tried again."""
    path, counts = tmp_path / "later" / "status.json", Counts()
    file = StatusFile(path, "gw-1", lambda _: [], lambda: 0, counts)
    task = asyncio.create_task(file.run())
    await wait_for_async(lambda: counts.totals().get("status_file"), what="a writing that failed")
    path.parent.mkdir()
    file.changed()
    await wait_for_async(path.exists, what="the file")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.requirement("agent.local.restart")
async def test_a_restart_is_told_at_the_gateway_while_the_broker_is_away(
    tmp_path: Path, mosquitto: Mosquitto, sdm630: Profile
) -> None:
    """By the status file and the command."""
    told, status = tmp_path / "told", tmp_path / "status.json"
    lamp = script(tmp_path, f'echo "$STILLCOLD_POINT $STILLCOLD_STATE $STILLCOLD_KIND" >> {told}')
    shown = Registers(sdm630, {"voltage_l1": 0.0, "current_l1": 0.3, "active_energy_import": 5e6})
    mosquitto.stop()
    async with RawMeter(shown) as far:
        rest = f'[local]\nstatus_file = "status.json"\nhook = ["{lamp}"]\n'
        rest += f'[[bus]]\nid = "b"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {far.port}\n'
        rest += '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\ninterval = 0.1\n'
        agent = RunningAgent(tmp_path, mosquitto, rest + "sealed = true\nrated_power = 750e3\n")
        mosquitto.start()
        async with agent:
            mosquitto.stop()
            await wait_for_async(lambda: told.exists() and "p1 dead dead" in told.read_text(), what="a dead line")
            shown.values |= {"current_l1": 900.0, "active_power": 600e3}
            await wait_for_async(lambda: "p1 live power" in told.read_text(), what="the command")
            await wait_for_async(lambda: _state(status) == "live", what="the status file")
            mosquitto.start()
    assert not status.exists()


def _state(path: Path) -> str:
    content = json.loads(path.read_text())
    return str(content["points"]["p1"]["state"])


@pytest.mark.parametrize("hook", ["lamp", "/nowhere/lamp", "{folder}", "{folder}/agent.toml"])
def test_a_command_that_cannot_be_run_is_found_before_anything_is_opened(tmp_path: Path, hook: str) -> None:
    """With the field."""
    file = tmp_path / "agent.toml"
    bus = '[[bus]]\nid = "b"\nkind = "tcp"\nhost = "h"\n'
    device = '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\n'
    file.write_text(f'gateway = "gw-1"\n[local]\nhook = ["{hook.format(folder=tmp_path)}"]\n{bus}{device}')
    with pytest.raises(BadFile, match=r"local\.hook\[0\]: .*expected the whole path of a program that can be run"):
        load_config(file)
