"""Hidden furnaces on a feeder that may run other loads: heats in its power and in its distortion, weighed together."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from stillcold_core.detect import converter, mean_power, weigh_line
from stillcold_core.detect.converter import Converters
from stillcold_core.detect.cycles import Cycle
from stillcold_core.detect.detector import Detector, one_by_one
from stillcold_core.detect.evidence import Kind, MeltLimits, Weighed, alike, together
from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.heat import Heat
from stillcold_core.detect.mean_power import PowerState
from stillcold_core.detect.melt import Melt, Melting, MeltRules, follow, measured
from stillcold_core.detect.minutes import SLOW, Gathering, Stretch, gather
from stillcold_core.detect.saving import decode_state
from stillcold_core.detect.spectrum import USED, seen
from stillcold_core.readings import Sample
from stillcold_core.samples import Samples

STATE_VERSION = 6
_KEPT = 10800.0  # s of stretches kept before an open melt, or before now
_SAME_END = 600.0  # s by which two looks at one heat differ in its end
_HEATS = 24  # kept
_LOOKS = 300.0  # s between two looks at a melt that goes on
_TONNE, _TONNE_WASTEFUL, _TONNE_THRIFTY = 0.6e6, 0.68e6, 0.55e6  # Wh to melt a tonne of steel


@dataclass(frozen=True, slots=True)
class FurnaceRules:
    """How the detector judges; the defaults hold for 1 s to 15 min between samples.

    Attributes
    ----------
    limits : MeltLimits
        What a heat can be.
    spectral, power_only, line_frequency : float
        Evidence above which an alert is raised, by what it rests on.
    noise : float
        Multiple of the signal's noise that a heat stands out by.
    rest : float
        s without a heat after which the furnace counts as at rest.
    """

    limits: MeltLimits = field(default_factory=MeltLimits)
    spectral: float = 7.0
    power_only: float = 9.5
    line_frequency: float = 5.5
    noise: float = 4.0
    rest: float = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Feeder:
    """A feeder as the detector needs it.

    Attributes
    ----------
    site, line, point : str
        Ids.
    rules : FurnaceRules
        How to judge.
    """

    site: str
    line: str
    point: str
    rules: FurnaceRules = field(default_factory=FurnaceRules)


AnyHeat = Melt | Heat | Cycle


class Told(NamedTuple):
    """A heat that was counted: s of its beginning and of its end, Wh."""

    began: float
    ended: float
    energy: float


class Alarm(msgspec.Struct, frozen=True):
    """An alert that has been raised.

    Attributes
    ----------
    began : float
        s, beginning of its first heat.
    last : float
        s, end of its last heat so far.
    heats : int
        So far.
    energy : float
        Wh of them.
    newest : tuple of Told
        The last of them.
    """

    began: float
    last: float
    heats: int
    energy: float
    newest: tuple[Told, ...]


class Track(msgspec.Struct, frozen=True):
    """What one signal of the feeder has shown.

    Attributes
    ----------
    melting : Melting
        Where its segmentation stands.
    heats : mapping of str to tuple of Melt
        That may belong together, by kind of furnace.
    looked : float
        s of the last look at the open melt.
    """

    melting: Melting = Melting()
    heats: Mapping[Kind, tuple[Melt, ...]] = {}
    looked: float = 0.0


class FurnaceState(msgspec.Struct, frozen=True):
    """What the detector remembers of one feeder.

    Attributes
    ----------
    time, first : float, optional
        s of the last sample, and of the first that showed power.
    late : int
        Samples left aside because a later one had been judged.
    converters : Converters
        What the distortion has shown.
    track : Track
        What the power has shown.
    power : PowerState
        What the power has shown where nothing else is known.
    register : pair of float, optional
        s and Wh of the last sample that showed the energy register and no power.
    """

    version: int = STATE_VERSION
    time: float | None = None
    first: float | None = None
    late: int = 0
    gathering: Gathering = Gathering()
    stretches: tuple[Stretch, ...] = ()
    converters: Converters = Converters()
    track: Track = Track()
    power: PowerState = PowerState()
    register: tuple[float, float] | None = None
    alarms: Mapping[Kind, Alarm] = {}


def save(state: FurnaceState) -> bytes:
    """The state as bytes that :func:`restore` reads in any process."""
    return msgspec.msgpack.encode(state)


def restore(data: bytes) -> FurnaceState:
    """Read a saved state.

    Raises
    ------
    ValueError
        When it was saved by another version of the detector.

    Examples
    --------
    >>> restore(save(FurnaceState())) == FurnaceState()
    True
    """
    return decode_state(data, FurnaceState, version=STATE_VERSION, detector="the furnace detector")


def step(feeder: Feeder, state: FurnaceState, sample: Sample) -> tuple[FurnaceState, list[Finding]]:
    """Judge one sample of a feeder that is permitted to run other loads.

    Samples must come in order of time; one that is not later than the last is left aside and counted. One that shows no
    power is no evidence of anything.

    Parameters
    ----------
    feeder : Feeder
        That the sample is of.
    state : FurnaceState
        Before the sample; not changed.
    sample : Sample
        One moment.

    Returns
    -------
    state : FurnaceState
        After the sample.
    findings : list of Finding
        ``furnace.induction`` and ``furnace.line_frequency``, and again, with ``ended``, those that are over.
    """
    if state.time is not None and sample.time <= state.time:
        return msgspec.structs.replace(state, late=state.late + 1), []
    shown = seen(sample)
    if shown is None:
        shown, register = mean_power.by_register(state.register, sample)
        state = msgspec.structs.replace(state, register=register)
    if shown is None:
        return msgspec.structs.replace(state, time=sample.time), []
    gathering, stretch = gather(state.gathering, sample.time, shown, sample.number("active_energy_import"))
    first = sample.time if state.first is None else state.first
    state = msgspec.structs.replace(state, time=sample.time, first=first, gathering=gathering)
    if stretch is None:
        return state, []
    return _judge(feeder, msgspec.structs.replace(state, stretches=(*_kept(state, stretch), stretch)))


def _kept(state: FurnaceState, stretch: Stretch) -> tuple[Stretch, ...]:
    """The stretches that somebody may still ask for."""
    oldest = _oldest(state, stretch)
    return state.stretches[bisect_left(state.stretches, oldest, key=lambda s: s.time) :]


def _oldest(state: FurnaceState, stretch: Stretch) -> float:
    open_ones = (state.track.melting.began, state.converters.tracking.melting.began)
    begins = [began for began in open_ones if began is not None]
    return min([*begins, stretch.time]) - max(_KEPT, 6 * stretch.length)


def _judge(feeder: Feeder, state: FurnaceState) -> tuple[FurnaceState, list[Finding]]:
    state, by_distortion = _by_distortion(feeder, state)
    state, by_power = _by_power(feeder, state)
    state, by_power_alone = _by_power_alone(feeder, state)
    state, ended = _rested(feeder, state)
    return state, by_distortion + by_power + by_power_alone + ended


def _by_distortion(feeder: Feeder, state: FurnaceState) -> tuple[FurnaceState, list[Finding]]:
    rules, first = feeder.rules, state.first or 0.0
    told = converter.advance(state.converters, state.stretches, rules.limits, rules.noise, first)
    state = msgspec.structs.replace(state, converters=told.state)
    if told.weighed is None:
        return state, []
    alarm = state.alarms.get("induction")
    if alarm is not None:
        heat = told.heats[-1]  # its end alone, or its shape, may have told it already
        old = heat.open or any(abs(each.ended - heat.fell) <= _SAME_END for each in alarm.newest)
        return (state, []) if old else _counted(feeder, state, "induction", alarm, heat)
    if told.weighed.score < rules.spectral:
        return state, []
    return _raised(feeder, state, "induction", told.heats, told.weighed)


def _by_power_alone(feeder: Feeder, state: FurnaceState) -> tuple[FurnaceState, list[Finding]]:
    now = state.stretches[-1]
    if now.measured and now.length < SLOW:
        return state, []
    power, shown = mean_power.follow(state.power, now, feeder.rules.power_only)
    state = msgspec.structs.replace(state, power=power)
    alarm = state.alarms.get("induction")
    if shown is None or (alarm is None and shown.weighed.score < feeder.rules.power_only):
        return state, []
    if alarm is None:
        return _raised(feeder, state, "induction", shown.heats, shown.weighed)
    heat = shown.heats[-1]
    return _counted(feeder, state, "induction", alarm, heat) if heat.began >= alarm.last else (state, [])


def _by_power(feeder: Feeder, state: FurnaceState) -> tuple[FurnaceState, list[Finding]]:
    track, now, rules = state.track, state.stretches[-1], feeder.rules
    melting, melt = follow(track.melting, state.stretches, MeltRules(0.8 * rules.limits.power, rules.noise))
    state = msgspec.structs.replace(state, track=msgspec.structs.replace(track, melting=melting))
    if melt is not None:
        return _closed(feeder, state, melt)
    if melting.began is None or now.length >= SLOW or now.time - track.looked < _LOOKS:
        return state, []
    state = msgspec.structs.replace(state, track=msgspec.structs.replace(state.track, looked=now.time))
    return _look(feeder, state, melting)


def _closed(feeder: Feeder, state: FurnaceState, melt: Melt) -> tuple[FurnaceState, list[Finding]]:
    """A melt is over: count it among the heats of the furnace that it can be of."""
    kind = _kind(feeder, state, melt)
    if kind is None:
        return state, []
    heats = (*together(state.track.heats.get(kind, ()), melt, feeder.rules.limits), melt)[-_HEATS:]
    track = msgspec.structs.replace(state.track, heats={**state.track.heats, kind: heats})
    state = msgspec.structs.replace(state, track=track)
    alarm = state.alarms.get(kind)
    if alarm is not None:
        return _counted(feeder, state, kind, alarm, melt)
    return _decide(feeder, state, kind, heats)


def _look(feeder: Feeder, state: FurnaceState, melting: Melting) -> tuple[FurnaceState, list[Finding]]:
    melt = measured(melting, state.stretches, ended=state.stretches[-1].time)
    kind = None if melt is None else _kind(feeder, state, melt)
    if melt is None or kind is None or kind in state.alarms:
        return state, []
    return _decide(feeder, state, kind, (*together(state.track.heats.get(kind, ()), melt, feeder.rules.limits), melt))


def _kind(feeder: Feeder, state: FurnaceState, melt: Melt) -> Kind | None:
    slow = state.stretches[-1].length >= SLOW
    known = melt.ratio is not None
    return "line_frequency" if known and weigh_line.fits(melt, feeder.rules.limits, slow) else None


def _decide(
    feeder: Feeder, state: FurnaceState, kind: Kind, heats: tuple[Melt, ...]
) -> tuple[FurnaceState, list[Finding]]:
    rules = feeder.rules
    heats, between = alike(heats, state.stretches[-1].length >= SLOW)
    past = weigh_line.past(state.converters.hours, heats[-1], heats[0].began - (state.first or 0.0))
    weighed = weigh_line.weigh(heats, past, between)
    if weighed.score < rules.line_frequency:
        return state, []
    return _raised(feeder, state, kind, heats, weighed)


def _raised(
    feeder: Feeder, state: FurnaceState, kind: Kind, heats: Sequence[AnyHeat], weighed: Weighed
) -> tuple[FurnaceState, list[Finding]]:
    each = tuple(Told(h.began, h.ended, h.energy) for h in heats)
    alarm = Alarm(heats[0].began, heats[-1].ended, len(heats), sum(h.energy for h in heats), each)
    finding = _finding(feeder, state, kind, alarm, heats[-1], weighed)
    if heats[-1].open:  # it goes on, and is counted when it is over
        energy = alarm.energy - heats[-1].energy
        alarm = msgspec.structs.replace(alarm, heats=alarm.heats - 1, energy=energy, newest=each[:-1])
    return msgspec.structs.replace(state, alarms={**state.alarms, kind: alarm}), [finding]


def _counted(
    feeder: Feeder, state: FurnaceState, kind: Kind, alarm: Alarm, heat: AnyHeat
) -> tuple[FurnaceState, list[Finding]]:
    """One more heat of an alert: it is said again, with what it has come to."""
    newest = (*alarm.newest, Told(heat.began, heat.ended, heat.energy))[-_HEATS:]
    alarm = Alarm(alarm.began, heat.ended, alarm.heats + 1, alarm.energy + heat.energy, newest)
    state = msgspec.structs.replace(state, alarms={**state.alarms, kind: alarm})
    return state, [_finding(feeder, state, kind, alarm, heat, None)]


def _rested(feeder: Feeder, state: FurnaceState) -> tuple[FurnaceState, list[Finding]]:
    now = state.stretches[-1].time
    over = {k: a for k, a in state.alarms.items() if now - a.last > feeder.rules.rest}
    if not over:
        return state, []
    findings = [
        msgspec.structs.replace(_finding(feeder, state, k, a, None, None), ended=a.last) for k, a in over.items()
    ]
    left = {k: a for k, a in state.alarms.items() if k not in over}
    return msgspec.structs.replace(state, alarms=left), findings


def _finding(
    feeder: Feeder, state: FurnaceState, kind: Kind, alarm: Alarm, heat: AnyHeat | None, weighed: Weighed | None
) -> Finding:
    tonnes, least, most = (alarm.energy / t for t in (_TONNE, _TONNE_WASTEFUL, _TONNE_THRIFTY))
    reason = (
        f"{alarm.heats} {'heat' if alarm.heats == 1 else 'heats'} since {iso(alarm.began)}, "
        f"{alarm.energy / 1e6:.2f} MWh, about {tonnes:.1f} t of steel ({least:.1f} to {most:.1f} t)"
    )
    evidence: dict[str, float | str] = {
        "heats": alarm.heats, "energy": alarm.energy, "tonnes": tonnes, "tonnes_least": least, "tonnes_most": most,
    }  # fmt: skip
    evidence |= dict(_told(alarm, heat, weighed))
    return Finding(
        f"furnace.{kind}", "critical", feeder.site, feeder.line, feeder.point, alarm.began,
        state.stretches[-1].time, reason, evidence,
    )  # fmt: skip


def _told(alarm: Alarm, heat: AnyHeat | None, weighed: Weighed | None) -> Iterator[tuple[str, float | str]]:
    """Beginning, end and energy of each heat, and what spoke for and against."""
    for i, each in enumerate(alarm.newest, 1 + alarm.heats - len(alarm.newest)):
        yield f"heat_{i}_began", iso(each.began)
        yield f"heat_{i}_ended", iso(each.ended)
        yield f"heat_{i}_energy", each.energy
    if heat is not None:
        yield "active_power", heat.power
    if heat is not None and heat.ratio is not None:
        yield "distortion_ratio", heat.ratio
    if weighed is not None:
        yield "score", weighed.score
        for name, weight in weighed.parts:
            yield f"weight_{name}", weight


_judged = one_by_one(step)


def _advance(feeder: Feeder, state: FurnaceState, samples: Samples) -> tuple[FurnaceState, list[Finding]]:
    """Samples one by one, without the quantities that tell nothing of furnaces."""
    used = {name: column for name, column in samples.columns.items() if name in USED}
    return _judged(feeder, state, Samples(samples.point, samples.times, used, samples.monotonic))


DETECTOR = Detector("furnace", STATE_VERSION, "point", FurnaceState, _advance, save, restore)
