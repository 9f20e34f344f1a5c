"""Reading a scenario file: every mistake is found before anything is opened."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from stillcold_core.files import BadFile, TomlFile, read_text
from stillcold_core.profiles import Profile, load_profile, load_profile_file, profile_names
from stillcold_core.registry import Registry, load_registry
from stillcold_sim.scenario.axis import check_axis, placed
from stillcold_sim.scenario.calendar import check_calendar, rolled_out
from stillcold_sim.scenario.check import check_meters, check_ports, check_story, missing_quantities
from stillcold_sim.scenario.check_site import check_evasions, check_tree
from stillcold_sim.scenario.evasion import Evasion
from stillcold_sim.scenario.fault import Fault
from stillcold_sim.scenario.model import Event, Meter, Port, ScenarioFile
from stillcold_sim.scenario.recording import Recording, load_recording

_SHIPPED = Path(__file__).parent.parent / "scenarios"


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """One meter with all that it needs."""

    spec: Meter
    profile: Profile
    recording: Recording | None
    events: tuple[Event, ...]
    evasions: tuple[Evasion, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A checked scenario.

    Attributes
    ----------
    file : ScenarioFile
        As it was written, but with one entry a meter.
    meters : sequence of MeterPlan
        In the file's order.
    registry : Registry, optional
        The one that it refers to.
    """

    file: ScenarioFile
    meters: tuple[MeterPlan, ...]
    registry: Registry | None

    def refusals(self, port: Port) -> tuple[Fault, ...]:
        """When a port refuses connections."""
        on_it = {port.id, *(m.id for m in self.file.meter if m.port == port.id)}
        return tuple(f for f in self.file.fault if f.what == "refused" and {f.port, f.meter} & on_it)


def scenario_names(family: str | None = None) -> list[str]:
    """Scenarios that ship with Stillcold, sorted; of one family where it is named.

    Raises
    ------
    BadFile
        When there is no such family.
    """
    names = sorted(p.stem for p in _SHIPPED.glob("*.toml") if not p.stem.endswith("registry"))
    if family is None:
        return names
    families = {name: family_of(name) for name in names}
    if family not in families.values():
        raise BadFile(family, f"no such family; there are {', '.join(sorted(filter(None, set(families.values()))))}")
    return [name for name in names if families[name] == family]


def family_of(name: str) -> str | None:
    """Family of a shipped scenario, read without the rest of it."""
    family: str | None = tomllib.loads(read_text(_SHIPPED / f"{name}.toml")).get("family")
    return family


def find_scenario(name: str) -> Path:
    """Path of a scenario: a file, or the name of a shipped one.

    Raises
    ------
    BadFile
        When there is neither.
    """
    if name in scenario_names():
        return _SHIPPED / f"{name}.toml"
    if not Path(name).is_file():
        raise BadFile(name, f"no such file; shipped scenarios: {', '.join(scenario_names())}")
    return Path(name)


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file.

    Raises
    ------
    BadFile
        Naming file, line, field and value of the first thing that does not fit, here, in the registry, in a profile or
        in a recording.
    """
    toml = TomlFile(path)
    file = toml.convert(ScenarioFile)
    if file.name != path.stem:
        raise toml.bad(["name"], f"must be the file's name, {path.stem!r}")
    for steps, expected in check_axis(file):
        raise toml.bad(steps, expected)
    file = placed(file)
    meters = [(i, m) for i, spec in enumerate(file.meter) for m in expand(spec)]
    registry = load_registry(path.parent / file.registry) if file.registry else None
    file = replace(file, meter=tuple(m for _, m in meters))
    checks = (
        check_ports(file.port),
        check_meters(file.port, meters, registry),
        check_tree(meters),
        check_evasions(file),
        check_calendar(file),
        check_story(file, registry),
    )
    for steps, expected in (problem for check in checks for problem in check):
        raise toml.bad(steps, expected)
    plans = tuple(_plan(toml, file, i, meter) for i, meter in meters)
    story = {name: rolled_out(file, getattr(file, name)) for name in ("event", "evasion", "fault")}
    return Scenario(replace(file, **story), plans, registry)


def expand(meter: Meter) -> list[Meter]:
    """The meters of one entry: ``count`` of them, numbered from 1, or the entry itself.

    Examples
    --------
    >>> [(m.id, m.point, m.unit) for m in expand(Meter(id="m", profile="x", port="a", unit=5, point="p", count=2))]
    [('m-1', 'p-1', 5), ('m-2', 'p-2', 6)]
    """
    if meter.count == 1:
        return [meter]
    width = len(str(meter.count))
    ends = [f"-{n:0{width}}" for n in range(1, meter.count + 1)]
    return [
        replace(meter, id=meter.id + end, point=meter.point + end, unit=meter.unit + n, count=1)
        for n, end in enumerate(ends)
    ]


def _plan(toml: TomlFile, file: ScenarioFile, index: int, meter: Meter) -> MeterPlan:
    profile = _profile(toml, index, meter.profile)
    if unknown := sorted({*meter.values, *_columns(meter)} - set(profile.by_quantity)):
        raise toml.bad(["meter", index], f"{meter.profile} has no {', '.join(unknown)}")
    if missing := missing_quantities(meter, profile):
        raise toml.bad(["meter", index, "values"], f"nothing gives {', '.join(missing)}; say them in values")
    return MeterPlan(
        spec=meter,
        profile=profile,
        recording=load_recording(meter.replay, toml.path.parent / meter.replay.file) if meter.replay else None,
        events=rolled_out(file, _own_events(toml, file, meter, profile)),
        evasions=rolled_out(file, [e for e in file.evasion if e.meter == meter.id]),
        faults=rolled_out(
            file, [f for f in file.fault if f.what != "refused" and (f.meter == meter.id or f.port == meter.port)]
        ),
    )


def _profile(toml: TomlFile, index: int, name: str) -> Profile:
    if name.endswith(".toml"):
        return load_profile_file(toml.path.parent / name)
    if name not in profile_names():
        raise toml.bad(["meter", index, "profile"], f"expected a .toml file or one of: {', '.join(profile_names())}")
    return load_profile(name)


def _columns(meter: Meter) -> Sequence[str]:
    return tuple(meter.replay.columns) if meter.replay else ()


def _own_events(toml: TomlFile, file: ScenarioFile, meter: Meter, profile: Profile) -> tuple[Event, ...]:
    for i, event in enumerate(file.event):
        if event.meter == meter.id and (unknown := sorted(set(event.values) - set(profile.by_quantity))):
            raise toml.bad(["event", i, "values"], f"{meter.profile} has no {', '.join(unknown)}")
    return tuple(e for e in file.event if e.meter == meter.id)
