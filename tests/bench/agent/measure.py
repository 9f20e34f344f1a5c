"""What is measured of each contestant."""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.agent import usage
from bench.agent.contestant import Contestant
from bench.agent.one_core import one_core
from bench.agent.plant import METERS, NUMBERS
from bench.agent.stage import Stage, stage
from support.waiting import wait_for

LIVE = 300_000
"""W; each change shows another watt more, so that no two are alike."""
_SETTLES = 80.0
"""s after the broker's return until what was kept must have come; a quiet minute of Stillcold is in it."""


@dataclass(frozen=True)
class Durations:
    """Seconds of each part of a run."""

    warm: float = 10.0
    window: float = 40.0
    changes: float = 35.0
    rush: float = 12.0
    away: float = 60.0


@dataclass(frozen=True)
class Steady:
    """At one reading a meter and second.

    Attributes
    ----------
    cpu, alone : float
        CPU seconds a million values, on all cores and where everything runs on one.
    peak, own : float
        MB: largest resident set, and proportional set at the end.
    change, read : list of float
        ms from a register's change, and from the first request that showed it, to the message.
    missed : int
        Changes that never came.
    load : float
        Of the machine meanwhile: programs that ran or waited for a core, on average over a minute.
    """

    cpu: float
    alone: float
    peak: float
    own: float
    change: list[float]
    read: list[float]
    missed: int
    load: float


@dataclass(frozen=True)
class Rush:
    """At the shortest interval: values a second that were read and that arrived, and the rest as in :class:`Steady`."""

    read: float
    arrived: float
    cpu: float
    peak: float
    load: float


@dataclass(frozen=True)
class Absence:
    """The broker was away: readings of the time around it, and how many never came or came twice."""

    read: int
    lost: int
    doubled: int
    peak: float


def steady(contestant: Contestant, folder: Path, plant: Path, durations: Durations) -> Steady:
    """CPU in two windows in which nothing changes, then changes of random meters at random moments."""
    with one_core(), stage(contestant, folder, plant, 1.0) as on:
        time.sleep(durations.warm)
        alone = _cpu(on, durations.window)
    with stage(contestant, folder, plant, 1.0) as on:
        time.sleep(durations.warm)
        cpu = _cpu(on, durations.window)
        load = os.getloadavg()[0]
        changed = _change(on, durations.changes)
        change, read = _delays(on, changed)
        missed = len(changed) - len(change)
        pid = on.process.pid
        return Steady(cpu, alone, usage.peak_memory(pid), usage.own_memory(pid), change, read, missed, load)


def rush(contestant: Contestant, folder: Path, plant: Path, durations: Durations) -> Rush:
    """As fast as it goes."""
    with stage(contestant, folder, plant, 0.0) as on:
        time.sleep(durations.warm / 2)
        began, cpu, values = time.monotonic_ns(), usage.cpu(on.process.pid), _values(on)
        time.sleep(durations.rush)
        ended, cpu, values = time.monotonic_ns(), usage.cpu(on.process.pid) - cpu, _values(on) - values
        peak, seconds = usage.peak_memory(on.process.pid), (ended - began) / 1e9
        arrived = NUMBERS * sum(began <= at < ended for at, _ in on.readings())
        return Rush(values / seconds, arrived / seconds, 1e6 * cpu / values, peak, os.getloadavg()[0])


def absence(contestants: Sequence[Contestant], folder: Path, plant: Path, durations: Durations) -> dict[str, Absence]:
    """All at the same time, each with a plant and a broker of its own."""
    with ExitStack() as stack:
        stages = [stack.enter_context(stage(c, folder / c.name, plant, 1.0)) for c in contestants]
        time.sleep(durations.warm)
        began = [on.plant.reads() for on in stages]
        for on in stages:
            on.broker.stop()
        time.sleep(durations.away)
        for on in stages:
            on.broker.start()
        time.sleep(durations.warm)
        ended = [on.plant.reads() for on in stages]
        wanted = [_numbers(a, b) for a, b in zip(began, ended, strict=True)]
        # Whoever lost something never shows it: that is what is asked.
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: all(w <= set(_came(on)) for w, on in zip(wanted, stages, strict=True)), seconds=_SETTLES)
        return {on.contestant.name: _absence(on, w) for on, w in zip(stages, wanted, strict=True)}


def _absence(on: Stage, wanted: set[tuple[int, int]]) -> Absence:
    came = _came(on)
    doubled = sum(came[key] > 1 for key in wanted)
    return Absence(len(wanted), sum(key not in came for key in wanted), doubled, usage.peak_memory(on.process.pid))


def _came(on: Stage) -> Counter[tuple[int, int]]:
    return Counter((r.unit, r.number) for _, r in on.readings())


def _numbers(began: Sequence[int], ended: Sequence[int]) -> set[tuple[int, int]]:
    return {(u, n) for u, (a, b) in enumerate(zip(began, ended, strict=True), 1) for n in range(a + 1, b + 1)}


def _cpu(on: Stage, seconds: float) -> float:
    """CPU seconds a million values in a window."""
    cpu, values = usage.cpu(on.process.pid), _values(on)
    time.sleep(seconds)
    return 1e6 * (usage.cpu(on.process.pid) - cpu) / (_values(on) - values)


def _values(on: Stage) -> int:
    return NUMBERS * sum(on.plant.reads())


def _change(on: Stage, seconds: float) -> dict[tuple[int, int], int]:
    """Let one meter after the other show a power, and none again; when each did, ns."""
    rng, changed, deadline = random.Random(1), {}, time.monotonic() + seconds
    units = [u for _ in range(100) for u in rng.sample(range(1, METERS + 1), METERS)]
    for i, unit in enumerate(units):
        if time.monotonic() > deadline:
            break
        power = LIVE + i
        changed[unit, power] = on.plant.set_power(unit, power)
        time.sleep(rng.uniform(0.2, 0.4))
        if i >= 10:
            on.plant.set_power(units[i - 10], 0)
    time.sleep(3)
    return changed


def _delays(on: Stage, changed: dict[tuple[int, int], int]) -> tuple[list[float], list[float]]:
    first: dict[tuple[int, int], int] = {}
    for at, reading in on.readings():
        first.setdefault((reading.unit, reading.power), at)
    came = {key: first[key] for key in changed if key in first}
    change = [(at - changed[key]) / 1e6 for key, at in came.items()]
    return change, [(at - on.plant.first_read[key]) / 1e6 for key, at in came.items()]
