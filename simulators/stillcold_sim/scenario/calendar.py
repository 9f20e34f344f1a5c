"""Windows that come again: every night, every hour, never quite on time."""

import zlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from stillcold_core.files import Step
from stillcold_sim.scenario.model import ScenarioFile
from stillcold_sim.scenario.times import Window, seconds

W = TypeVar("W", bound=Window)
_MOST = 10_000


def rolled_out(file: ScenarioFile, windows: Sequence[W]) -> tuple[W, ...]:
    """Each window once for every time that it comes until the scenario ends.

    How late each is follows from the scenario's seed and from the window itself, wherever else it stands.
    """
    return tuple(one for window in windows for one in _times(file, window))


def _times(file: ScenarioFile, window: W) -> Iterator[W]:
    if window.every is None:
        yield window
        return
    rng = np.random.default_rng([file.seed, zlib.crc32(repr(window).encode())])
    every, jitter, begin = seconds(window.every), seconds(window.jitter), window.begin
    while begin < seconds(file.duration):
        late = round(jitter * rng.random(), 3)
        yield replace(window, at=begin + late, every=None, jitter=0.0)
        begin += every


def check_calendar(file: ScenarioFile) -> Iterator[tuple[Sequence[Step], str]]:
    """What is wrong with windows that come again."""
    tables: tuple[tuple[str, Sequence[Window]], ...] = (
        ("event", file.event),
        ("evasion", file.evasion),
        ("fault", file.fault),
    )
    for table, windows in tables:
        for i, window in enumerate(windows):
            if said := _wrong(file, window):
                yield [table, i, "jitter" if window.every is None else "every"], said


def _wrong(file: ScenarioFile, window: Window) -> str:
    if window.every is None:
        return "only what comes again (every) can come late" if seconds(window.jitter) else ""
    every, duration = seconds(window.every), seconds(file.duration)
    if not duration:
        return "needs a scenario with an end (duration)"
    if window.lasts is None:
        return "needs how long it lasts each time (for)"
    if every < seconds(window.lasts) + seconds(window.jitter) or not every:
        return "expected at least for and jitter together"
    return f"comes more than {_MOST} times" if duration / every > _MOST else ""
