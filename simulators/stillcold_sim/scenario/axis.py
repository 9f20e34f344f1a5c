"""The time axis of a scenario: times of day, and times that count from something else in the story."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from stillcold_core.files import Step, repeated
from stillcold_sim.scenario.model import Expect, ScenarioFile
from stillcold_sim.scenario.times import Window, seconds

Placed = Window | Expect
TABLES = ("event", "evasion", "fault", "expect")
_DAY = 86400.0


def check_axis(file: ScenarioFile) -> Iterator[tuple[Sequence[Step], str]]:
    """What is wrong with the names of a story's windows, and with what counts from them."""
    named = [(table, i, w) for table, i, w in _all(file) if isinstance(w, Window) and w.id is not None]
    for steps, expected in repeated("id", "id", (w.id for _, _, w in named)):
        table, i, _ = named[int(steps[1])]
        yield [table, i, "id"], expected.replace("id[", "window [")
    windows = {w.id: w for _, _, w in named}
    for table, i, window in _all(file):
        if window.follows is None:
            continue
        if window.follows not in windows:
            yield [table, i, "follows"], "must be the id of an event, an evasion or a fault in this file"
        elif _circles(windows, window):
            yield [table, i, "follows"], "counts from itself"
        elif _of_day(window):
            yield [table, i, "at"], "expected s or H:MM:SS with follows, a time of day stands alone"


def placed(file: ScenarioFile) -> ScenarioFile:
    """The scenario with every ``at`` in seconds from its beginning; :func:`check_axis` has found nothing wrong."""
    windows = {w.id: w for _, _, w in _all(file) if isinstance(w, Window)}

    def begin(window: Placed) -> float:
        if window.follows is not None:
            return begin(windows[window.follows]) + seconds(window.at)
        if not _of_day(window):
            return seconds(window.at)
        return (seconds(str(window.at).removeprefix("@")) - seconds(file.time_of_day)) % _DAY

    return replace(file, **{t: tuple(replace(w, at=begin(w), follows=None) for w in getattr(file, t)) for t in TABLES})


def _all(file: ScenarioFile) -> Iterator[tuple[str, int, Placed]]:
    for table in TABLES:
        for i, window in enumerate(getattr(file, table)):
            yield table, i, window


def _of_day(window: Placed) -> bool:
    return isinstance(window.at, str) and window.at.startswith("@")


def _circles(windows: dict[str | None, Window], window: Placed) -> bool:
    seen: set[str] = set()
    while window.follows is not None and window.follows in windows:
        if window.follows in seen:
            return True
        seen.add(window.follows)
        window = windows[window.follows]
    return False
