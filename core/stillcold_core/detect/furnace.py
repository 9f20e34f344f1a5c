"""Hidden furnaces on a feeder that may run other loads: heats in its power and in its distortion, weighed together."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from stillcold_core.detect import weigh, weigh_power
from stillcold_core.detect.detector import Detector, one_by_one
from stillcold_core.detect.evidence import Kind, MeltLimits, Steady, Weighed, alike, is_steady
from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.hours import NO_HOURS, Hour, learned, unusual
from stillcold_core.detect.melt import Melt, Melting, MeltRules, Signal, follow, measured
from stillcold_core.detect.minutes import Gathering, Stretch, gather
from stillcold_core.detect.saving import decode_state
from stillcold_core.detect.spectrum import seen
from stillcold_core.readings import Sample

STATE_VERSION = 1
_SIGNALS: tuple[Signal, ...] = ("distortion", "power")
_KEPT = 5400.0  # s of stretches kept before an open melt, or before now
_HEATS = 24  # kept
_LOOKS = 300.0  # s between two looks at a melt that goes on
_SLOW = 290.0  # s of a stretch from which on a melt is a handful of them
_HISTORY = 2 * 86400.0  # s before the feeder's hours of the day are known
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
    spectral: float = 4.4
    power_only: float = 6.1
    line_frequency: float = 6.0
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
    """

    began: float
    last: float
    heats: int
    energy: float


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
    converter : float
        W of the largest converter load so far that made no heats.
    hours : tuple of 24 Hour
        What the feeder took at each hour of the day (UTC).
    """

    version: int = STATE_VERSION
    time: float | None = None
    first: float | None = None
    late: int = 0
    gathering: Gathering = Gathering()
    stretches: tuple[Stretch, ...] = ()
    tracks: Mapping[Signal, Track] = {}
    steady: tuple[Steady, ...] = ()
    converter: float = 0.0
    hours: tuple[Hour, ...] = NO_HOURS
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
        return msgspec.structs.replace(state, time=sample.time), []
    gathering, stretch = gather(state.gathering, sample.time, shown, sample.number("active_energy_import"))
    first = sample.time if state.first is None else state.first
    state = msgspec.structs.replace(state, time=sample.time, first=first, gathering=gathering)
    if stretch is None:
        return state, []
    kept, hours = _kept(state, stretch), learned(state.hours, stretch)
    return _judge(feeder, msgspec.structs.replace(state, stretches=(*kept, stretch), hours=hours))


def _kept(state: FurnaceState, stretch: Stretch) -> tuple[Stretch, ...]:
    """The stretches that somebody may still ask for."""
    oldest = _oldest(state, stretch)
    return state.stretches[bisect_left(state.stretches, oldest, key=lambda s: s.time) :]


def _oldest(state: FurnaceState, stretch: Stretch) -> float:
    begins = [t.melting.began for t in state.tracks.values() if t.melting.began is not None]
    return min([*begins, stretch.time]) - max(_KEPT, 6 * stretch.length)


def _judge(feeder: Feeder, state: FurnaceState) -> tuple[FurnaceState, list[Finding]]:
    findings: list[Finding] = []
    for signal in _SIGNALS:
        state, found = _advance(feeder, state, signal)
        findings += found
    state, ended = _rested(feeder, state)
    return state, findings + ended


def _advance(feeder: Feeder, state: FurnaceState, signal: Signal) -> tuple[FurnaceState, list[Finding]]:
    track, now = state.tracks.get(signal, Track()), state.stretches[-1]
    rules = feeder.rules
    rise = rules.limits.power * (0.8 if signal == "power" else rules.limits.converter)
    melting, melt = follow(track.melting, state.stretches, signal, MeltRules(rise, rules.noise))
    track = msgspec.structs.replace(track, melting=melting)
    if melt is not None:
        state = _with_track(_remembering(state, melt, rules.limits), signal, track)
        return _closed(feeder, state, signal, melt)
    if melting.began is not None and now.length < _SLOW and now.time - track.looked >= _LOOKS:
        state = _with_track(state, signal, msgspec.structs.replace(track, looked=now.time))
        return _look(feeder, state, signal, melting)
    return _with_track(state, signal, track), []


def _closed(feeder: Feeder, state: FurnaceState, signal: Signal, melt: Melt) -> tuple[FurnaceState, list[Finding]]:
    """A melt is over: count it among the heats of the furnace that it can be of."""
    kind = _kind(feeder, state, signal, melt)
    if kind is None:
        return _knowing(state, signal, melt, feeder.rules.limits), []
    track = state.tracks[signal]
    heats = (*_together(track.heats.get(kind, ()), melt, feeder.rules.limits), melt)[-_HEATS:]
    track = msgspec.structs.replace(track, heats={**track.heats, kind: heats})
    state = _with_track(state, signal, track)
    alarm = state.alarms.get(kind)
    if alarm is not None:
        return _counted(state, kind, alarm, melt), []
    return _decide(feeder, state, kind, heats)


def _knowing(state: FurnaceState, signal: Signal, melt: Melt, limits: MeltLimits) -> FurnaceState:
    """Learn how large the feeder's converters are that make no heats: drives, mills, heaters."""
    if signal == "power" or melt.ratio is None or melt.ratio < limits.converter:
        return state
    return msgspec.structs.replace(state, converter=max(state.converter, melt.power))


def _look(feeder: Feeder, state: FurnaceState, signal: Signal, melting: Melting) -> tuple[FurnaceState, list[Finding]]:
    melt = measured(melting, state.stretches, signal, ended=state.stretches[-1].time)
    kind = None if melt is None else _kind(feeder, state, signal, melt)
    if melt is None or kind is None or kind in state.alarms:
        return state, []
    heats = _together(state.tracks[signal].heats.get(kind, ()), melt, feeder.rules.limits)
    return _decide(feeder, state, kind, (*heats, melt))


def _kind(feeder: Feeder, state: FurnaceState, signal: Signal, melt: Melt) -> Kind | None:
    """Distortion tells of converters; power of the rest."""
    slow = state.stretches[-1].length >= _SLOW
    if melt.ratio is None:
        return "induction" if weigh_power.fits(melt, feeder.rules.limits, slow) else None
    kind = weigh.kind_of(melt, feeder.rules.limits, slow)
    return kind if signal == ("distortion" if kind == "induction" else "power") else None


def _together(heats: tuple[Melt, ...], melt: Melt, limits: MeltLimits) -> tuple[Melt, ...]:
    return heats if heats and melt.began - heats[-1].ended <= limits.repeat else ()


def _decide(
    feeder: Feeder, state: FurnaceState, kind: Kind, heats: tuple[Melt, ...]
) -> tuple[FurnaceState, list[Finding]]:
    rules = feeder.rules
    heats, between = alike(heats, state.stretches[-1].length >= _SLOW)
    weighed = _weighed(state, kind, heats, between)
    if weighed.score < _threshold(rules, kind, heats):
        return state, []
    alarm = Alarm(heats[0].began, heats[-1].ended, len(heats), sum(h.energy for h in heats))
    finding = _finding(feeder, state, kind, alarm, heats, weighed)
    # A melt that goes on is counted when it closes.
    if heats[-1].deep == 0:
        alarm = msgspec.structs.replace(alarm, heats=alarm.heats - 1, energy=alarm.energy - heats[-1].energy)
    return msgspec.structs.replace(state, alarms={**state.alarms, kind: alarm}), [finding]


def _weighed(state: FurnaceState, kind: Kind, heats: tuple[Melt, ...], between: int) -> Weighed:
    slow, steady = state.stretches[-1].length >= _SLOW, state.steady
    observed = heats[0].began - (state.first or heats[0].began)
    if heats[-1].ratio is None:
        most = min(unusual(state.hours, heat) for heat in heats) if observed >= _HISTORY else 0.0
        return weigh_power.weigh(heats, steady, between=between, unusual=most, slow=slow)
    known = state.converter
    return weigh.weigh(heats, kind, steady, known=known, between=between, observed=observed, slow=slow)


def _threshold(rules: FurnaceRules, kind: Kind, heats: tuple[Melt, ...]) -> float:
    if kind == "line_frequency":
        return rules.line_frequency
    return rules.power_only if heats[-1].ratio is None else rules.spectral


def _counted(state: FurnaceState, kind: Kind, alarm: Alarm, melt: Melt) -> FurnaceState:
    alarm = Alarm(alarm.began, melt.ended, alarm.heats + 1, alarm.energy + melt.energy)
    return msgspec.structs.replace(state, alarms={**state.alarms, kind: alarm})


def _remembering(state: FurnaceState, melt: Melt, limits: MeltLimits) -> FurnaceState:
    """Learn of steady heaters, one entry a size."""
    if not is_steady(melt, limits):
        return state
    others = [s for s in state.steady if abs(melt.power / s.power - 1) > 0.05 and melt.ended - s.time <= limits.memory]
    return msgspec.structs.replace(state, steady=(*others[-7:], Steady(melt.ended, melt.power)))


def _rested(feeder: Feeder, state: FurnaceState) -> tuple[FurnaceState, list[Finding]]:
    now = state.stretches[-1].time
    over = {k: a for k, a in state.alarms.items() if now - a.last > feeder.rules.rest}
    if not over:
        return state, []
    findings = [msgspec.structs.replace(_finding(feeder, state, k, a, (), None), ended=a.last) for k, a in over.items()]
    left = {k: a for k, a in state.alarms.items() if k not in over}
    return msgspec.structs.replace(state, alarms=left), findings


def _with_track(state: FurnaceState, signal: Signal, track: Track) -> FurnaceState:
    return msgspec.structs.replace(state, tracks={**state.tracks, signal: track})


def _finding(
    feeder: Feeder, state: FurnaceState, kind: Kind, alarm: Alarm, heats: tuple[Melt, ...], weighed: Weighed | None
) -> Finding:
    tonnes, least, most = (alarm.energy / t for t in (_TONNE, _TONNE_WASTEFUL, _TONNE_THRIFTY))
    heat = "heat" if alarm.heats == 1 else "heats"
    reason = (
        f"{alarm.heats} {heat} since {iso(alarm.began)}, {alarm.energy / 1e6:.2f} MWh, "
        f"about {tonnes:.1f} t of steel ({least:.1f} to {most:.1f} t)"
    )
    evidence: dict[str, float | str] = {
        "heats": alarm.heats, "energy": alarm.energy, "tonnes": tonnes, "tonnes_least": least, "tonnes_most": most,
    }  # fmt: skip
    evidence |= dict(_told(heats, weighed))
    return Finding(
        f"furnace.{kind}", "critical", feeder.site, feeder.line, feeder.point, alarm.began,
        state.stretches[-1].time, reason, evidence,
    )  # fmt: skip


def _told(heats: tuple[Melt, ...], weighed: Weighed | None) -> Iterator[tuple[str, float | str]]:
    """Start and energy of each heat, and what spoke for and against."""
    for i, heat in enumerate(heats, 1):
        yield f"heat_{i}_began", iso(heat.began)
        yield f"heat_{i}_energy", heat.energy
    if heats:
        yield "active_power", heats[-1].power
    if heats and heats[-1].ratio is not None:
        yield "distortion_ratio", heats[-1].ratio
    if weighed is not None:
        yield "score", weighed.score
        for name, weight in weighed.parts:
            yield f"weight_{name}", weight


DETECTOR = Detector("furnace", STATE_VERSION, "point", FurnaceState, one_by_one(step), save, restore)
