"""What must hold between the meters of a site, and between them and evasions."""

from collections.abc import Iterator, Sequence

from stillcold_core.files import Step
from stillcold_sim.scenario.evasion import AnyEvasion, Frozen, OnGenset, Replayed, Rollback
from stillcold_sim.scenario.model import Meter, ScenarioFile
from stillcold_sim.scenario.times import seconds

Problem = tuple[Sequence[Step], str]


def check_tree(meters: Sequence[tuple[int, Meter]]) -> Iterator[Problem]:
    """What is wrong with who feeds whom, each meter given with the index of its entry in the file."""
    behind = {m.id: m.sums for _, m in meters}
    for i, meter in meters:
        for n, name in enumerate(meter.sums):
            if name not in behind:
                yield ["meter", i, "sums", n], "must be the id of a meter in this file"
                return
        if meter.id in _all_behind(meter.id, behind):
            yield ["meter", i, "sums"], "goes round in a circle"
            return
    yield from _check_parents(meters)


def _check_parents(meters: Sequence[tuple[int, Meter]]) -> Iterator[Problem]:
    incomers: dict[str, str] = {}
    water = {m.id for _, m in meters if "water" in m.profile}
    for i, meter in meters:
        for n, name in enumerate(() if meter.id in water else meter.sums):
            if incomers.setdefault(name, meter.id) != meter.id:
                yield ["meter", i, "sums", n], f"{name} hangs behind {incomers[name]} already"
        if len(set(meter.sums)) < len(meter.sums):
            yield ["meter", i, "sums"], "names a meter twice"


def _all_behind(name: str, behind: dict[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    ahead = list(behind[name])
    while ahead:
        if (one := ahead.pop()) not in found:
            found.add(one)
            ahead += behind.get(one, ())
    return found


def check_evasions(file: ScenarioFile) -> Iterator[Problem]:
    """What is wrong with the evasions."""
    meters = {m.id: m for m in file.meter}
    for i, evasion in enumerate(file.evasion):
        if evasion.meter not in meters:
            yield ["evasion", i, "meter"], "must be the id of a meter in this file"
        else:
            yield from _check_evasion(i, evasion, meters[evasion.meter], file)


def _check_evasion(i: int, evasion: AnyEvasion, meter: Meter, file: ScenarioFile) -> Iterator[Problem]:
    if isinstance(evasion, Rollback) and evasion.lasts is not None:
        yield ["evasion", i, "for"], "a register is set back at once"
    if isinstance(evasion, OnGenset) and meter.load is None:
        yield ["evasion", i], f"{meter.id} has no load to feed"
    if isinstance(evasion, Replayed):
        yield from _check_replayed(i, evasion, file)
    if meter.replay and not isinstance(evasion, Frozen | Replayed) and evasion.what not in _ON_RECORDINGS:
        yield ["evasion", i, "what"], f"{meter.id} plays a recording"


_ON_RECORDINGS = frozenset({"ct_bypass", "ct_reversed", "phase_dropped", "clock_shifted"})


def _check_replayed(i: int, evasion: Replayed, file: ScenarioFile) -> Iterator[Problem]:
    if seconds(evasion.length) < file.step:
        yield ["evasion", i, "length"], f"expected at least a step of {file.step:g} s"
    if seconds(evasion.since) + seconds(evasion.length) > evasion.begin:
        yield ["evasion", i, "since"], "what is shown again must be over before it is"
