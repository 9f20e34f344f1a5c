"""Restart of a sealed line: energy register, power, current and, where power was cut, voltage."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from stillcold_core.detect.deadline import DeadLineLimits, current_of, power_of, voltage_of
from stillcold_core.detect.detector import Detector, one_by_one
from stillcold_core.detect.dwell import Change, Dwell, classify, dwell
from stillcold_core.detect.energy import EnergyWitness, at_rest, emptied, observe, threshold
from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.presence import Condition, Presence, account, is_gap
from stillcold_core.detect.saving import decode_state
from stillcold_core.readings import Sample

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class RestartRules:
    """How the detector judges; the defaults hold for 1 s to 15 min between samples.

    Attributes
    ----------
    on_delay : float
        s that power or current must stay above the floor.
    off_delay : float
        s that they must stay below half of it before the restart counts as ended.
    rest : float
        s that the energy register must stand still before its restart counts as ended.
    arm_voltage : float
        s without voltage after which a point that had voltage while dead counts as cut off after all.
    """

    on_delay: float = 5.0
    off_delay: float = 60.0
    rest: float = 900.0
    arm_voltage: float = 86400.0


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A sealed line as the detector needs it.

    Attributes
    ----------
    site, line : str
        Ids.
    limits : DeadLineLimits
        From its rating and the measures taken.
    sealed_at : float
        UTC seconds; earlier samples are not judged.
    rules : RestartRules
        How to judge.
    """

    site: str
    line: str
    limits: DeadLineLimits
    sealed_at: float = 0.0
    rules: RestartRules = field(default_factory=RestartRules)


class PointState(msgspec.Struct, frozen=True):
    """What the detector remembers of one point."""

    presence: Presence = Presence()
    dwells: Mapping[str, Dwell] = {}
    energy: EnergyWitness = EnergyWitness()
    cut_off: bool | None = None
    """Whether voltage was seen to be gone; None until it is known."""
    voltage_gone: float | None = None
    """s since when there has been no voltage."""


class RestartState(msgspec.Struct, frozen=True):
    """What the detector remembers of one line."""

    version: int = STATE_VERSION
    points: Mapping[str, PointState] = {}
    late: int = 0
    """Samples left aside because a later one of their point had been judged."""


def save(state: RestartState) -> bytes:
    """The state as bytes that :func:`restore` reads in any process."""
    return msgspec.msgpack.encode(state)


def restore(data: bytes) -> RestartState:
    """Read a saved state.

    Raises
    ------
    ValueError
        When it was saved by another version of the detector.

    Examples
    --------
    >>> restore(save(RestartState())) == RestartState()
    True
    """
    return decode_state(data, RestartState, version=STATE_VERSION, detector="the restart detector")


def step(line: SealedLine, state: RestartState, sample: Sample) -> tuple[RestartState, list[Finding]]:
    """Judge one sample of a feeder or incomer.

    Samples of one point must come in order of time; one that is not later than the last is left aside and counted.

    Parameters
    ----------
    line : SealedLine
        The line that the sample's point belongs to.
    state : RestartState
        Before the sample; not changed.
    sample : Sample
        One moment of one point. An absent value neither proves life nor death.

    Returns
    -------
    state : RestartState
        After the sample.
    findings : list of Finding
        Restarts that this sample decided, and again, with ``ended``, those that it ended.
    """
    if sample.time < line.sealed_at:
        return state, []
    before = state.points.get(sample.point, PointState())
    last = before.presence.time
    if last is not None and sample.time <= last:
        return msgspec.structs.replace(state, late=state.late + 1), []
    after, findings = _judge(line, before, sample)
    return msgspec.structs.replace(state, points={**state.points, sample.point: after}), findings


def condition(state: RestartState, now: float) -> Condition:
    """What the line is proved to be at ``now``: live if any point is, unknown if any is silent or cannot tell."""
    proved = [p.presence.at(now) for p in state.points.values()]
    if "live" in proved:
        return "live"
    return "dead" if proved and all(p == "dead" for p in proved) else "unknown"


def _judge(line: SealedLine, before: PointState, sample: Sample) -> tuple[PointState, list[Finding]]:
    findings: list[Finding] = []
    state = _voltage_known(line, before, sample)
    for kind, value, high, low in _measured(line, state, sample):
        was = state.dwells.get(kind, Dwell())
        level = classify(value, high, low)
        now, change = dwell(was, sample.time, level, on_delay=line.rules.on_delay, off_delay=line.rules.off_delay)
        state = msgspec.structs.replace(state, dwells={**state.dwells, kind: now})
        findings += _say(line, sample, kind, was, now, change=change, value=value, high=high)
    energy, said = _energy(line, before, sample)
    presence = account(before.presence, sample.time, _shown(line, state, energy, sample))
    return msgspec.structs.replace(state, energy=energy, presence=presence), findings + said


def _measured(line: SealedLine, state: PointState, sample: Sample) -> Iterator[tuple[str, float | None, float, float]]:
    """Kind, value, limit to raise, limit to end."""
    limits = line.limits
    yield "power", power_of(sample), limits.power, limits.power / 2
    yield "current", current_of(sample), limits.current, limits.current / 2
    if limits.power_cut and state.cut_off:
        volts = limits.nominal_voltage
        yield "voltage", voltage_of(sample), limits.voltage_live * volts, limits.voltage_dead * volts


def _voltage_known(line: SealedLine, state: PointState, sample: Sample) -> PointState:
    """Learn whether the point lies behind the cut.

    A meter in front of the cut shows voltage on a dead line; voltage there proves nothing, and its return after a grid
    outage neither.
    """
    voltage = voltage_of(sample)
    if voltage is None:
        return state
    if voltage >= line.limits.voltage_dead * line.limits.nominal_voltage:
        return msgspec.structs.replace(state, cut_off=bool(state.cut_off), voltage_gone=None)
    since = sample.time if state.voltage_gone is None else state.voltage_gone
    gone = state.cut_off is None or sample.time - since >= line.rules.arm_voltage
    return msgspec.structs.replace(state, cut_off=gone or bool(state.cut_off), voltage_gone=since)


def _energy(line: SealedLine, before: PointState, sample: Sample) -> tuple[EnergyWitness, list[Finding]]:
    reading = sample.number("active_energy_import")
    was = before.energy
    if reading is None:
        return was, []
    gap = was.time is not None and is_gap(before.presence, sample.time - was.time)
    now = observe(was, sample.time, reading, line.limits, after_gap=gap)
    if now.active and not was.active:
        return now, [_energy_finding(line, sample, now)]
    if now.active and at_rest(now, sample.time, line.rules.rest):
        return emptied(now), [msgspec.structs.replace(_energy_finding(line, sample, now), ended=now.grew)]
    return now, []


def _energy_finding(line: SealedLine, sample: Sample, witness: EnergyWitness) -> Finding:
    began, anchor, reading = witness.began or sample.time, witness.anchor or 0.0, witness.reading or 0.0
    advanced = witness.total
    evidence = {
        "active_energy_import": reading,
        "advanced": advanced,
        "from_reading": anchor,
        "limit": threshold(witness, line.limits),
        "mean_power": advanced * 3600 / max(sample.time - began, 1e-3),
    }
    reason = f"energy register advanced by {advanced / 1000:.2f} kWh since {iso(began)}"
    return _finding(line, sample, "energy", began=began, reason=reason, evidence=evidence)


_QUANTITY = {"power": ("active_power", "W"), "current": ("current", "A"), "voltage": ("voltage", "V")}


def _say(
    line: SealedLine,
    sample: Sample,
    kind: str,
    was: Dwell,
    now: Dwell,
    *,
    change: Change,
    value: float | None,
    high: float,
) -> list[Finding]:
    if change is None or value is None:
        return []
    began = now.began if change == "raised" else was.began
    quantity, unit = _QUANTITY[kind]
    reason = f"{quantity} {value:.1f} {unit}, limit {high:.1f} {unit}"
    found = _finding(
        line, sample, kind, began=began or sample.time, reason=reason, evidence={quantity: value, "limit": high}
    )
    return [found if change == "raised" else msgspec.structs.replace(found, ended=was.under or sample.time)]


def _finding(
    line: SealedLine, sample: Sample, kind: str, *, began: float, reason: str, evidence: Mapping[str, float | str]
) -> Finding:
    return Finding(
        f"restart.{kind}", "critical", line.site, line.line, sample.point, began, sample.time, reason, evidence
    )


def _shown(line: SealedLine, state: PointState, energy: EnergyWitness, sample: Sample) -> Condition:
    """What this sample proves."""
    limits = line.limits
    power, current, voltage = power_of(sample), current_of(sample), voltage_of(sample)
    if (power or 0) > limits.power or (current or 0) > limits.current or energy.active:
        return "live"
    if limits.power_cut and state.cut_off and (voltage or 0) > limits.voltage_live * limits.nominal_voltage:
        return "live"
    if power is not None or current is not None:
        return "dead"
    return "dead" if sample.number("active_energy_import") is not None and energy.level == 0 else "unknown"


DETECTOR = Detector("restart", STATE_VERSION, "line", RestartState, one_by_one(step), save, restore)
