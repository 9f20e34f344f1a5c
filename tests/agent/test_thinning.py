"""Report by exception: what is kept of a line at rest, and of one that moves."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from stillcold_agent.app import Agent
from stillcold_agent.boot import now
from stillcold_agent.config import load_config
from stillcold_agent.counts import Counts
from stillcold_agent.deadbands import Quiet, default_deadbands
from stillcold_agent.edge import Watch
from stillcold_agent.identity import load_or_make_key
from stillcold_agent.journal.entries import Bounds
from stillcold_agent.journal.store import JOURNAL_FILE, Journal
from stillcold_agent.meters import meters_of
from stillcold_agent.thinning import Thinner
from stillcold_core.contract.batch import CONTENT_TYPE, decode_batch
from stillcold_core.detect.cadence import longest_between
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.evidence.envelope import open_envelope
from stillcold_core.profiles import Profile
from stillcold_core.quantities import QUANTITIES
from stillcold_core.readings import Absence, Sample, Value
from support.meters import meter

LIMITS = DeadLineLimits(750e3)
DEAD: dict[str, Value] = {"voltage_l1": 0.0, "current_l1": 0.4, "active_power": 0.0, "active_energy_import": 1e6}
SILENT = dict.fromkeys(DEAD, Absence.TIMEOUT)
Keep = Callable[[Iterable[Mapping[str, Value]]], list[int]]


@pytest.fixture
def keep(sdm630: Profile) -> Keep:
    """Which readings of a sealed line, one a second, are kept."""

    def kept(shown: Iterable[Mapping[str, Value]]) -> list[int]:
        watch, thinner = Watch(meter(sdm630, rated_power=750e3)), Thinner(_quiet(10.0), 1.0)
        samples = [Sample("p1", 1000.0 + i, v, float(i)) for i, v in enumerate(shown)]
        return [int(s.monotonic) for each in samples for s in thinner.take(each, watch.judge(each))]

    return kept


def _quiet(interval: float) -> Quiet:
    return Quiet(interval, default_deadbands([*DEAD, "ct_ratio"], LIMITS))


@pytest.mark.requirement("agent.thin.patience")
def test_a_line_at_rest_is_told_every_few_seconds_and_never_missed(keep: Keep) -> None:
    """Pauses grow only as the server's idea of the cadence does: it never takes one for silence."""
    times = keep([DEAD] * 600)
    pauses = np.diff(times).tolist()
    assert pauses[:62] == [*[1] * 59, 4, 4, 4]
    assert set(pauses[62:]) == {10}
    assert all(pause <= longest_between(pauses[max(0, i - 5) : i]) for i, pause in enumerate(pauses))


@pytest.mark.requirement("agent.thin.change")
def test_what_is_read_more_rarely_is_no_change_until_it_changes(keep: Keep) -> None:
    """A ratio read once a minute is told each time, and compared with the last one that was."""
    slow = [DEAD | {"ct_ratio": 40.0} if i % 60 == 0 else DEAD for i in range(600)]
    times = keep(slow)
    assert set(range(0, 600, 60)) <= set(times)
    assert len(times) < len(keep([DEAD] * 600)) + 10
    slow[420] = DEAD | {"ct_ratio": 80.0}
    assert 420 in keep(slow)
    assert 480 in keep(slow)


@pytest.mark.requirement("agent.thin.change")
def test_a_change_is_told_with_the_seconds_before_it_and_after_it(keep: Keep) -> None:
    """Every reading once, in order."""
    lamp = DEAD | {"active_power": 4e3}
    times = keep([*[DEAD] * 248, *[lamp] * 200])
    assert times == sorted(set(times))
    assert [t for t in times if 221 < t < 308] == [231, *range(241, 308)]
    assert len([t for t in times if t >= 308]) < 20


@pytest.mark.requirement("agent.thin.change")
@pytest.mark.parametrize("seconds", [1, 3, 200])
def test_a_silence_has_its_true_length(keep: Keep, seconds: int) -> None:
    """The last answer before it and the first one after it are kept."""
    times = keep([*[DEAD] * 247, *[SILENT] * seconds, *[DEAD] * 100])
    assert {246, 247, 246 + seconds, 247 + seconds} <= set(times)


@pytest.mark.requirement("agent.thin.stop")
async def test_an_agent_that_stops_records_what_waits_for_a_change(tmp_path: Path) -> None:
    """Its last batch ends with the last reading, and has all since the one that was kept before."""
    text = _CONFIG.format(data=tmp_path)
    text += '[[device]]\nbus = "b"\nunit = 1\nprofile = "eastron-sdm630"\npoint = "p1"\nsealed = true\n'
    text += "rated_power = 750e3\n[mqtt]\nport = 1\n"
    (tmp_path / "agent.toml").write_text(text)
    agent = Agent(load_config(tmp_path / "agent.toml"), Counts())
    agent._keeper.start()
    agent._uplink.start()
    start = now()
    for i in range(238):
        agent._take(Sample("p1", start.time + i, DEAD, start.monotonic + i))
    await agent._stop([])
    journal = Journal(tmp_path / JOURNAL_FILE, Bounds(10**9), Counts())
    key = load_or_make_key(tmp_path).public_key()
    opened = [open_envelope(k.envelope, content_type=CONTENT_TYPE, key_of=lambda _: key) for k in journal.pending(9)]
    blocks = [b for one in opened for b in decode_batch(one.payload).blocks]
    times = [round(t / 1000 - start.time) for b in blocks for t in b.times.tolist()]
    journal.close()
    assert len(times) < 150
    assert times[-6:] == [*range(232, 238)]


def test_what_stays_in_its_deadband_is_noise_and_what_drifts_is_told(keep: Keep) -> None:
    """The last reading that was kept is what the next ones are compared with, so a creep is not lost."""
    generator = np.random.default_rng(1)
    noise = [DEAD | {"current_l1": 0.4 + float(x)} for x in generator.normal(0, 0.4, 1000)]
    assert len(keep(noise)) < 60 + 1.15 * 94
    creep = [DEAD | {"active_power": 7.0 * i} for i in range(1000)]
    last = keep(creep)
    assert max(np.diff([creep[i]["active_power"] for i in last])) <= 7.0 * 10


@pytest.mark.requirement("agent.thin.replay")
def test_of_a_sequence_shown_twice_the_same_readings_are_kept(keep: Keep) -> None:
    """Whatever the time from one to the other is."""
    volts = np.random.default_rng(7).normal(230, 0.6, 1800).round(1)
    hour = [DEAD | {"voltage_l1": float(v), "frequency": 50 + float(v) / 1e4} for v in volts]
    for shift in (3, 7):
        times = keep([*[DEAD | {"voltage_l1": 229.9}] * 300, *hour, *hour[:shift], *hour])
        first = {t - 300 for t in times if 300 <= t < 2100}
        again = {t - 2100 - shift for t in times if t >= 2100 + shift}
        assert len(first & again) > 0.8 * len(again)


_SHOWN = """
import random
from stillcold_agent.deadbands import Quiet
from stillcold_agent.edge import Verdict
from stillcold_agent.thinning import Thinner
from stillcold_core.readings import Absence, Sample
thinner, chance = Thinner(Quiet(10.0, {"voltage_l1": 50.0}), 1.0), random.Random(1)
for i in range(600):
    shown = {"voltage_l1": round(chance.gauss(230, 0.6), 1), "voltage_l2": Absence.OUT_OF_RANGE}
    print([s.monotonic for s in thinner.take(Sample("p1", 1000.0 + i, shown, float(i)), Verdict())])
"""


@pytest.mark.requirement("agent.thin.replay")
def test_another_process_keeps_the_same_readings() -> None:
    """Whatever its hashes of words are: a replay may begin after a restart of the agent."""
    kept = [
        subprocess.run(
            [sys.executable, "-c", _SHOWN], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert kept[0].count(b"[]") > 400
    assert kept[0] == kept[1]


def test_every_quantity_has_a_band_or_says_nothing_at_rest() -> None:
    """A new quantity of the vocabulary is not forgotten."""
    silent = {q for q in QUANTITIES if "thd" in q or "_h" in q or q == "power_factor"}
    assert set(QUANTITIES) - set(default_deadbands(QUANTITIES, LIMITS)) == silent


_CONFIG = """\
gateway = "gw"
data_dir = "{data}"
[[bus]]
id = "b"
kind = "tcp"
host = "localhost"
"""


def _devices(folder: Path, *devices: str) -> Iterator[Quiet | None]:
    text = _CONFIG.format(data=folder)
    for i, device in enumerate(devices, 1):
        text += f'[[device]]\nbus = "b"\nunit = {i}\nprofile = "eastron-sdm630"\npoint = "p{i}"\n{device}\n'
    (folder / "agent.toml").write_text(text)
    yield from (m.quiet for m in meters_of(load_config(folder / "agent.toml")))


@pytest.mark.requirement("agent.thin.sealed-only")
def test_sealed_lines_are_thinned_and_others_only_where_it_is_said(tmp_path: Path) -> None:
    """A hidden furnace is found by what a permitted feeder shows from second to second."""
    sealed, free, asked, kept, coarse = _devices(
        tmp_path,
        "sealed = true\nrated_power = 750e3",
        "rated_power = 750e3",
        "rated_power = 750e3\nquiet_interval = 30",
        "sealed = true\nrated_power = 750e3\nquiet_interval = 1",
        "sealed = true\nrated_power = 750e3\ndeadband = { voltage_l1 = 3.5 }",
    )
    assert (free, kept) == (None, None)
    assert sealed
    assert asked
    assert coarse
    assert (sealed.interval, asked.interval) == (10.0, 30.0)
    assert coarse.deadbands["voltage_l1"] == 3.5
    assert math.isclose(sealed.deadbands["voltage_l1"], 11.0)
    assert math.isclose(sealed.deadbands["active_power"], 3750.0)
