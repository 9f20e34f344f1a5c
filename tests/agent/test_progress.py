"""Who answers and who gets on, told by the samples that pass."""

from pathlib import Path

from stillcold_agent.config import load_config
from stillcold_agent.meters import meters_of
from stillcold_agent.observe.progress import Progress
from stillcold_core.readings import Absence, Sample

CONFIG = """
gateway = "gw-1"
bus = [{id = "a", kind = "tcp", host = "h1", timeout = 2}, {id = "b", kind = "tcp", host = "h2", timeout = 1}]
[[device]]
bus = "a"
unit = 1
profile = "eastron-sdm630"
point = "p1"
interval = 5
only = ["voltage_l1"]
[[device]]
bus = "b"
unit = 2
profile = "eastron-sdm630"
point = "p2"
only = ["voltage_l1", "frequency"]
"""


def progress(folder: Path) -> Progress:
    (folder / "agent.toml").write_text(CONFIG)
    config = load_config(folder / "agent.toml")
    return Progress(config.bus, meters_of(config), 100.0)


def sample(point: str, value: float | Absence) -> Sample:
    return Sample(point, 1000.0, {"voltage_l1": value})


def test_a_breaker_is_open_from_the_first_rest_to_the_next_number(tmp_path: Path) -> None:
    """An attempt that fails does not close it."""
    one = progress(tmp_path)
    meter = one.meters["p1"]
    seen = []
    for value in (Absence.TIMEOUT, Absence.BREAKER_OPEN, Absence.TIMEOUT, Absence.BREAKER_OPEN, 1.0):
        one.take(sample("p1", value), 101.0, answered=value == 1.0)
        seen.append((meter.answers, meter.resting))
    assert seen == [(False, False), (False, True), (False, True), (False, True), (True, False)]
    assert meter.answered == 1000.0
    assert one.meters["p2"].answers is None


def test_a_bus_is_stuck_when_nothing_ends_for_longer_than_anything_may_take(tmp_path: Path) -> None:
    """Whether meters answer or not; the gateway gets on while any bus does."""
    one = progress(tmp_path)
    limits = {bus: view.limit for bus, view in one.buses.items()}
    assert limits == {"a": 5 + 2 * 2 + 30, "b": 1 + 1 * 3 + 30}  # interval, connecting and requests, slack
    one.take(sample("p1", Absence.DISCONNECTED), 130.0, answered=False)
    assert one.buses["a"].connected is False
    assert [view.stuck(135.0) for view in one.buses.values()] == [False, True]
    assert one.gets_on(135.0)
    assert not one.gets_on(130.0 + limits["a"] + 1)
