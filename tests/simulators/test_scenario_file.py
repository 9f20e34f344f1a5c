"""Scenario files: what is in them, what is wrong with them, and where they are described."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from stillcold_core.files import BadFile
from stillcold_core.profiles.model import Ratios
from stillcold_sim.scenario import Fault, Scenario, find_scenario, load_scenario, scenario_names, seconds
from stillcold_sim.scenario.evasion import AnyEvasion
from stillcold_sim.scenario.model import Busy, Column, Event, Expect, Meter, Port, Replay, ScenarioFile

DOCS = Path(__file__).parents[2] / "docs" / "scenarios.md"

GOOD = """name = "test"
duration = "0:01:00"
registry = "registry.toml"

[[port]]
id = "bus"

[[port]]
id = "line"
kind = "rtu"

[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p1"
load = { kind = "dead" }

[[meter]]
id = "r"
profile = "waveshare-8di"
port = "line"
unit = 1
point = "p2"
values = { seal_closed = 1, door_closed = 1, breaker_closed = 1 }

[[event]]
at = 5
for = "0:00:10"
meter = "m"
what = "run"

[[fault]]
at = 5
meter = "m"
what = "silence"

[[expect]]
line = "f1"
kinds = ["restart.power"]
"""

REGISTRY = """
[[site]]
id = "s"
name = "s"
[[line]]
id = "f1"
site = "s"
name = "f1"
state = "permitted"
rated_power = 1000
[[point]]
id = "p1"
line = "f1"
role = "feeder"
[[point]]
id = "p2"
line = "f1"
role = "contacts"
"""


@pytest.fixture
def load(tmp_path: Path, write: Callable[[str], Path]) -> Callable[[str], Scenario]:
    """Load a scenario that has a registry beside it."""
    (tmp_path / "registry.toml").write_text(REGISTRY, encoding="utf-8")
    return lambda text: load_scenario(write(text))


def test_good_scenario_loads(load: Callable[[str], Scenario]) -> None:
    """Times in both spellings."""
    scenario = load(GOOD)
    assert seconds(scenario.file.duration) == 60
    (event,) = scenario.meters[0].events
    assert (event.begin, event.end) == (5, 15)
    assert scenario.meters[0].faults[0].end == float("inf")
    assert (scenario.meters[1].events, scenario.meters[1].faults) == ((), ())


BAD = [
    ('name = "test"', 'name = "other"', r"test.toml:1: name: got 'other'; must be the file's name, 'test'"),
    ('"0:01:00"', '"1 min"', r"test.toml:2: duration: got '1 min'; "),
    ('"0:01:00"', '"0:61:00"', r"test.toml:2: duration: "),
    ("duration", "duratoin", r"test.toml.*duratoin"),
    ('id = "line"', 'id = "bus"', r"test.toml:9: port\[1\].id: got 'bus'; must be unique"),
    ('kind = "rtu"', 'kind = "usb"', r"test.toml:10: port\[1\].kind: got 'usb'"),
    ('kind = "rtu"', 'host = "here"', r"test.toml:10: port\[1\].host: got 'here'; expected an IP address"),
    ('kind = "rtu"', 'link = "/tmp/x"', r"test.toml:10: port\[1\].link: got '/tmp/x'; is for kind"),
    ("eastron-sdm630", "eastron-sdm999", r"test.toml:14: meter\[0\].profile: got 'eastron-sdm999'; expected .*sdm630"),
    ("eastron-sdm630", "mine.toml", r"mine.toml: cannot be read"),
    ('port = "bus"', 'port = "bux"', r"test.toml:15: meter\[0\].port: got 'bux'; must be the id of a \[\[port\]\]"),
    ("unit = 1\npoint = \"p1\"", "unit = 248\npoint = \"p1\"", r"test.toml:16: meter\[0\].unit: got 248"),
    ('point = "p1"', 'point = "p9"', r"test.toml:17: meter\[0\].point: got 'p9'; the registry has no point p9"),
    ('kind = "dead"', 'kind = "undead"', r"test.toml:18: meter\[0\].load.kind: got 'undead'"),
    ('kind = "dead"', 'kind = "steady"', r"test.toml:18: meter\[0\].load: .*power"),
    ('kind = "dead"', 'kind = "furnace", power = -1', r"test.toml:18: meter\[0\].load.power: got -1"),
    ('id = "r"', 'id = "m"', r"test.toml:21: meter\[1\].id: got 'm'; m must be unique; meter\[0\]"),
    ('port = "line"', 'port = "bus"', r"test.toml:24: meter\[1\].unit: got 1; unit 1 of this port is meter\[0\]"),
    (", breaker_closed = 1", "", r"test.toml:26: meter\[1\].values: nothing gives breaker_closed"),
    ("breaker_closed = 1", "breaker_closed = 1, frequency = 50", r"test.toml:20: meter\[1\]: waveshare-8di has no f"),
    ('meter = "m"\nwhat = "run"', 'meter = "x"\nwhat = "run"', r"test.toml:31: event\[0\].meter: got 'x'; must be the"),
    ('meter = "m"\nwhat = "run"', 'meter = "r"\nwhat = "run"', r"test.toml:32: event\[0\].what: got 'run'; r has no"),
    ('what = "run"', 'what = "set"', r"test.toml:28: event\[0\].values: belong to what = \"set\""),
    ('what = "run"', 'what = "set"\nvalues = { seal_closed = 0 }', r"event\[0\].values: .* has no seal_closed"),
    ('meter = "m"\nwhat = "silence"', 'what = "silence"', r"test.toml:34: fault\[0\]: expected exactly one"),
    ('meter = "m"\nwhat = "silence"', 'port = "x"\nwhat = "silence"', r"test.toml:36: fault\[0\].port: got 'x'"),
    ('meter = "m"\nwhat = "silence"', 'port = "line"\nwhat = "refused"', r"test.toml:37: fault\[0\].what: .*only a"),
    ('line = "f1"', 'line = "f2"', r"test.toml:40: expect\[0\].line: got 'f2'; the registry has no such line"),
    ("restart.power", "fire", r"test.toml:41: expect\[0\].kinds\[0\]: got 'fire'; expected a kind of alert"),
    ("registry.toml", "none.toml", r"none.toml: cannot be read"),
]  # fmt: skip


@pytest.mark.requirement("sim.scenario.checked")
@pytest.mark.parametrize(("old", "new", "message"), BAD, ids=[f"{new[:30]!r}" for _, new, _ in BAD])
def test_mistake_is_named(load: Callable[[str], Scenario], old: str, new: str, message: str) -> None:
    """File, line, field, value, and what would be right."""
    assert GOOD.count(old) >= 1
    with pytest.raises(BadFile, match=message):
        load(GOOD.replace(old, new, 1))


def test_count_makes_numbered_meters(load: Callable[[str], Scenario], tmp_path: Path) -> None:
    """Ids, points and units go up together; a unit above 247 is a mistake in count."""
    (tmp_path / "registry.toml").write_text("", encoding="utf-8")
    text = GOOD.split("[[event]]", maxsplit=1)[0].replace('registry = "registry.toml"\n', "")
    many = load(text.replace('unit = 1\npoint = "p1"', 'unit = 11\ncount = 12\npoint = "p1"'))
    assert [(m.spec.id, m.spec.point, m.spec.unit) for m in many.meters[:2]] == [
        ("m-01", "p1-01", 11),
        ("m-02", "p1-02", 12),
    ]
    assert many.meters[11].spec.id == "m-12"
    with pytest.raises(BadFile, match=r"meter\[0\].count: got 12; unit 248 would be above 247"):
        load(text.replace('unit = 1\npoint = "p1"', 'unit = 240\ncount = 12\npoint = "p1"'))


@pytest.mark.requirement("sim.scenario.shipped")
@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenario_is_valid_and_says_what_to_expect(name: str) -> None:
    """With a registry whose lines its alerts are about, and a title."""
    scenario = load_scenario(find_scenario(name))
    assert scenario.registry is not None
    assert scenario.file.title
    assert scenario.file.expect
    watched = {p.line for p in scenario.registry.point if p.id in {m.point for m in scenario.file.meter}}
    assert {e.line for e in scenario.file.expect} <= watched


def test_unknown_scenario_is_named() -> None:
    """With what there is."""
    with pytest.raises(BadFile, match=r"no such file; shipped scenarios: .*demo"):
        find_scenario("demmo")


@pytest.mark.requirement("sim.scenario.documented")
@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("The file", [ScenarioFile]),
        ("[[port]]", [Port]),
        ("[[meter]]", [Meter, Busy]),
        ("[[meter]]", [Ratios]),
        ("[meter.replay]", [Replay, Column]),
        ("[[event]]", [Event]),
        ("[[evasion]]", list(get_args(AnyEvasion))),
        ("[[fault]]", [Fault]),
        ("[[expect]]", [Expect]),
    ],
)
def test_every_key_is_described(heading: str, kinds: list[type[msgspec.Struct]]) -> None:
    """In the section of its table."""
    section = DOCS.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    section = re.sub(r"```.*?```", "", section, flags=re.DOTALL)
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    missing = {f.encode_name for kind in kinds for f in msgspec.structs.fields(kind)} - words
    assert missing == set()


def test_example_of_the_description_loads(tmp_path: Path) -> None:
    """It is complete, as it says."""
    text = DOCS.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    (tmp_path / "my-scenario.toml").write_text(text, encoding="utf-8")
    assert load_scenario(tmp_path / "my-scenario.toml").file.port[0].link == "/tmp/meters"


NIGHTS = """
name = "test"
seed = 1
duration = "120:00:00"
[[port]]
id = "bus"
[[meter]]
id = "m"
profile = "eastron-sdm630"
port = "bus"
unit = 1
point = "p"
running = false
load = { kind = "forge" }
[[event]]
at = "23:00:00"
for = "4:00:00"
every = "24:00:00"
jitter = 600
meter = "m"
what = "run"
"""


@pytest.mark.requirement("sim.scenario.calendar")
def test_event_comes_every_night_and_never_quite_on_time(write: Callable[[str], Path]) -> None:
    """Until the scenario ends; the same times again with the same seed."""
    first, again = (_nights(load_scenario(write(NIGHTS))) for _ in range(2))
    assert len(first) == 5
    late = [begin - (23 + 24 * n) * 3600 for n, begin in enumerate(first)]
    assert all(0 <= s < 600 for s in late)
    assert len(set(late)) == 5
    assert first == again
    assert first != _nights(load_scenario(write(NIGHTS.replace("seed = 1", "seed = 9"))))


def _nights(scenario: Scenario) -> list[float]:
    assert scenario.meters[0].events == scenario.file.event
    assert [e.end - e.begin for e in scenario.file.event] == pytest.approx([4 * 3600] * 5)
    return [e.begin for e in scenario.file.event]


@pytest.mark.requirement("sim.scenario.checked")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("jitter = 600", "jitter = 86400", "at least for and jitter together"),
        ('every = "24:00:00"', "", "only what comes again"),
        ('for = "4:00:00"', "", "needs how long it lasts"),
        ('every = "24:00:00"\njitter = 600', "every = 0", "at least for and jitter"),
        ('duration = "120:00:00"', "", "needs a scenario with an end"),
    ],
)
def test_calendar_is_checked(write: Callable[[str], Path], old: str, new: str, said: str) -> None:
    """By file and field."""
    path = write(NIGHTS.replace(old, new))
    with pytest.raises(BadFile, match=said):
        load_scenario(path)


@pytest.mark.requirement("sim.scenario.axis")
def test_times_of_day_and_times_that_count_from_another(load: Callable[[str], Scenario]) -> None:
    """A story is told in its own words; what is played are seconds from its beginning."""
    text = GOOD.replace('name = "test"', 'name = "test"\ntime_of_day = "21:00:00"').replace("0:01:00", "8:00:00")
    text = text.replace('at = 5\nfor = "0:00:10"', 'at = "@23:30:00"\nid = "melt"\nfor = "0:00:10"')
    text = text.replace(
        'at = 5\nmeter = "m"\nwhat = "silence"', 'at = 60\nfollows = "melt"\nmeter = "m"\nwhat = "silence"'
    )
    text = text.replace('kinds = ["restart.power"]', 'kinds = ["restart.power"]\nfollows = "melt"')
    file = load(text).file
    assert (file.event[0].begin, file.fault[0].begin, file.expect[0].at) == (9000, 9060, 9000)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("at = 5\nmeter", 'at = 5\nfollows = "melt"\nmeter', "fault[0].follows: got 'melt'; must be the id of"),
        ("at = 5\nmeter", 'at = 5\nid = "a"\nfollows = "a"\nmeter', "fault[0].follows: got 'a'; counts from itself"),
        ("at = 5\n", 'at = 5\nid = "a"\n', "fault[0].id: got 'a'; must be unique"),
        ("at = 5\nfor", 'at = "@25:99:00"\nfor', "event[0].at"),
    ],
)
def test_a_time_that_counts_from_nothing_is_named(
    load: Callable[[str], Scenario], old: str, new: str, said: str
) -> None:
    """With the place in the file."""
    with pytest.raises(BadFile) as refused:
        load(GOOD.replace(old, new))
    assert said in str(refused.value)
