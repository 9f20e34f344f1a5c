"""Simulated plants whose meters are tampered with, and what the detectors of tampering say of them."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper import fleet, point, site
from stillcold_core.detect.tamper.fleet import Fleet, FleetState
from stillcold_core.detect.tamper.point import PointState
from stillcold_core.detect.tamper.site import SiteState
from stillcold_core.detect.tamper.watched import WatchedPoint
from stillcold_core.detect.tamper.watched_site import Metered, WatchedSite
from stillcold_core.readings import Absence, Sample
from stillcold_core.samples import Samples, by_columns
from stillcold_sim.judging.reader import Reader
from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import load_scenario

_TOGETHER = 180.0  # s of a batch: the detector of the fleet waits for five minutes
BEGAN = 1_772_380_800.0  # 2026-03-01T16:00Z
PROFILES = ("eastron-sdm630", "schneider-pm5000", "janitza-umg96", "acrel-adl400", "chint-dtsu666", "acrel-dtsd1352")


@dataclass(frozen=True)
class Feeder:
    """A feeder: its load in a scenario's words, its rating, its meter, and more that a scenario says of it."""

    id: str
    load: str
    power: float
    profile: str
    water: bool = False
    more: str = ""


@dataclass(frozen=True)
class Story:
    """One plant for some time.

    Attributes
    ----------
    feeders : tuple of Feeder
        The first one is tampered with.
    tables : str
        Events, evasions and faults, as a scenario has them.
    at, lasts : float
        s at which the tampering begins, and how long it lasts.
    halved : bool
        Whether what the first feeder's meter measures is halved meanwhile, and what it counts is not.
    metered : bool
        Whether there is an incomer meter.
    """

    seed: int
    interval: float
    duration: float
    feeders: tuple[Feeder, ...]
    tables: str = ""
    at: float = 0.0
    lasts: float = 0.0
    halved: bool = False
    metered: bool = True


@dataclass(frozen=True)
class Told:
    """What the detectors said of a story.

    Attributes
    ----------
    findings : list of Finding
        Without those that only say an end.
    days : float
        Meter-days that were judged.
    """

    findings: list[Finding]
    days: float


def permitted(rng: random.Random, others: int = 1) -> tuple[Feeder, ...]:
    """A feeder with something to hide, or not, and so many others."""
    power = rng.choice([350e3, 450e3, 750e3, 1000e3, 1500e3])
    pulses, crucibles = rng.choice([6, 6, 12]), rng.choice([1, 2])
    first = rng.choice([
        f'{{ kind = "furnace", power = {power}, pulses = {pulses}, crucibles = {crucibles} }}',
        f'{{ kind = "furnace", power = {power}, pulses = {pulses}, crucibles = {crucibles} }}',
        f'{{ kind = "line_furnace", power = {power} }}',
        f'{{ kind = "forge", power = {power} }}',
    ])  # fmt: skip
    legal = [
        ("forge", '{ kind = "forge", power = 300e3 }', 300e3),
        ("oven", '{ kind = "oven", power = 200e3 }', 200e3),
        ("mill", '{ kind = "mill", power = 600e3 }', 600e3),
        ("motor", '{ kind = "motor", power = 132e3 }', 132e3),
        ("arc", '{ kind = "arc_furnace", power = 1.5e6 }', 1.5e6),
        ("ladle", '{ kind = "ladle_furnace", power = 1e6 }', 1e6),
        ("line", '{ kind = "line_furnace", power = 600e3 }', 600e3),
        ("office", '{ kind = "office" }', 30e3),
        ("vfd", '{ kind = "vfd", power = 90e3 }', 90e3),
        ("charger", '{ kind = "charger" }', 240e3),
        ("welders", '{ kind = "sum", of = [{ kind = "welder" }, { kind = "welder" }, { kind = "office" }] }', 60e3),
    ]
    chosen = rng.sample(legal, others)
    return (
        Feeder("first", first, power, rng.choice(PROFILES)),
        *(Feeder(name, load, rated, rng.choice(PROFILES)) for name, load, rated in chosen),
    )


def told(story: Story, folder: Path) -> Told:
    """Play a story and judge it."""
    watched = {
        f.id: WatchedPoint(f"s-{f.id}" if not story.metered else "s", f.id, 1.1 * f.power) for f in story.feeders
    }
    total = sum(f.power for f in story.feeders)
    meters = [Metered(f.id, f.id, 1.1 * f.power) for f in story.feeders]
    incomers: tuple[Metered, ...] = ()
    if story.metered:
        watched["in"] = WatchedPoint("s", "in", total)
        incomers = (Metered("in", "in", total),)
    water = tuple(Metered("water", f.id, f.power) for f in story.feeders if f.water)
    together = WatchedSite("s", incomers, tuple(meters), water)
    everywhere = Fleet({name: (w.site, w.line) for name, w in watched.items()})
    points: dict[str, PointState] = {}
    state, frequencies = SiteState(), FleetState()
    findings: list[Finding] = []
    for samples in _gathered(played(story, folder), _TOGETHER):
        name = samples.point
        if name in watched:
            points[name], said = point.advance(watched[name], points.get(name, PointState()), samples)
            findings += said
        state, said = site.advance(together, state, samples)
        findings += said
        frequencies, said = fleet.advance(everywhere, frequencies, samples)
        findings += said
    days = len(watched) * story.duration / 86400
    return Told([f for f in findings if f.ended is None], days)


def _gathered(moments: Iterator[list[Sample]], together: float) -> Iterator[Samples]:
    """By point, as a gateway sends them: in batches of so many seconds."""
    waiting: dict[str, list[Sample]] = {}
    began = BEGAN
    for samples in moments:
        for sample in samples:
            waiting.setdefault(sample.point, []).append(sample)
            latest = sample.time
        if latest - began >= together:
            yield from map(by_columns, waiting.values())
            waiting, began = {}, latest
    yield from map(by_columns, waiting.values())


def played(story: Story, folder: Path) -> Iterator[list[Sample]]:
    """What the meters show at each of the story's intervals."""
    path = folder / "story.toml"
    path.write_text(scenario_of(story), encoding="utf-8")
    scenario = load_scenario(path)
    plant = Plant(scenario, story.seed, _forget)
    port = scenario.file.port[0]
    readers = [(m, Reader(m, port, story.seed)) for m in plant.meters.values()]
    for n in range(int(story.duration // story.interval) + 1):
        t = n * story.interval
        plant.advance(t)
        yield [
            _halved(
                Sample(m.plan.spec.point, BEGAN + t + m.clock_error(t), reader.read(plant, t)),
                story.halved and m.plan.spec.id == story.feeders[0].id and story.at <= t < story.at + story.lasts,
            )
            for m, reader in readers
        ]


def scenario_of(story: Story) -> str:
    """The scenario's text."""
    step = 1.0 if story.interval < 10 else 5.0 if story.interval < 120 else 30.0
    text = f'name = "story"\nseed = {story.seed}\nduration = {story.duration}\nstep = {step}\n'
    text += 'time_of_day = "0:00:00"\ntruth_interval = 86400\n[[port]]\nid = "bus"\n'
    for unit, f in enumerate(story.feeders, 1):
        text += (
            f'[[meter]]\nid = "{f.id}"\nprofile = "{f.profile}"\nport = "bus"\nunit = {unit}\npoint = "{f.id}"\n'
            f"energy = {1_000_000 * (unit + 3)}\nratios = {{ ct = {max(20, round(f.power / 660 / 5 / 20) * 20)} }}\n"
            f'busbar = "b"\nct_noise = 0.3\nload = {f.load}\n{f.more}\n'
        )
    names = ", ".join(f'"{f.id}"' for f in story.feeders)
    if story.metered:
        text += (
            '[[meter]]\nid = "in"\nprofile = "schneider-pm5000"\nport = "bus"\nunit = 100\npoint = "in"\n'
            f'losses = 0.012\nbusbar = "b"\nenergy = 90_000_000\nsums = [{names}]\n'
        )
    if any(f.water for f in story.feeders):
        text += (
            '[[meter]]\nid = "water"\nprofile = "xintai-ultrasonic-water"\nport = "bus"\nunit = 101\npoint = "water"\n'
            f"sums = [{', '.join(repr(f.id) for f in story.feeders if f.water)}]\n".replace("'", '"')
        )
    return text + story.tables


def evasion(what: str, at: float, lasts: float, keys: str = "") -> str:
    """The table of one evasion on the first feeder."""
    during = "" if what == "rollback" else f"for = {lasts}\n"
    return f'[[evasion]]\nmeter = "first"\nwhat = "{what}"\nat = {at}\n{during}{keys}\n'


BALANCE = "tamper.balance"
_SCALED = ("current_l", "active_power", "reactive_power", "apparent_power")


def evasions(rng: random.Random, at: float, lasts: float) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Tables of every evasion, and the kinds of findings that tell it, by name."""
    ct, phase = ("tamper.ct", BALANCE), rng.choice(["l1", "l2", "l3"])
    one = f'phases = ["{phase}"]'

    def table(what: str, keys: str = "") -> str:
        return evasion(what, at, lasts, keys)

    swapped = ("tamper.meter_changed", "tamper.rollback")
    return {
        "ct bypassed": (table("ct_bypass"), ct),
        "ct bypassed by half": (table("ct_bypass", "share = 0.5"), ct),
        "one phase bypassed": (table("ct_bypass", one), ct),
        "one phase by half": (table("ct_bypass", f"share = 0.5\n{one}"), ct),
        "one ct reversed": (table("ct_reversed", one), ct),
        "all cts reversed": (table("ct_reversed", 'phases = ["l1", "l2", "l3"]'), ct),
        "voltage lead off": (table("phase_dropped", one), ct),
        "ratio cut": (table("ratio_changed", "ratios = { ct = 20 }"), ("tamper.ratio", BALANCE)),
        "register set back": (table("rollback", "energy = 2_500_000"), ("tamper.rollback",)),
        "frozen": (table("frozen"), ("tamper.frozen", BALANCE)),
        "hour replayed": (table("replayed", f"since = {at - 7200}\nlength = 3600"), ("tamper.replay", BALANCE)),
        "day replayed": (
            table("replayed", f"since = {max(0.0, at - 86400)}\nlength = {min(at, 86400) - 60}"),
            ("tamper.replay", BALANCE),
        ),
        "meter swapped": (table("meter_swapped", f"energy = {rng.choice([0, 12_000, 800_000_000])}"), swapped),
        "genset": (table("genset", f"power = {rng.choice([1.2, 2])}e6"), ("tamper.genset",)),
        "clock set back": (table("clock_shifted", "shift = -3600"), ("tamper.clock",)),
    }


def _halved(sample: Sample, halved: bool) -> Sample:
    if not halved:
        return sample
    values = {q: v if isinstance(v, Absence) or not q.startswith(_SCALED) else v / 2 for q, v in sample.values.items()}
    return msgspec.structs.replace(sample, values=values)


def _forget(_record: Record) -> None:
    pass
