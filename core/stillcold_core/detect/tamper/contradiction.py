"""Current transformers and voltage leads: currents, voltages and powers of one moment that contradict each other."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from stillcold_core.detect.deadline import CURRENTS, POWERS, VOLTAGES
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.held import Held, hold
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.readings import Sample

_LEARNED = 43_200.0  # loaded s after which older samples begin to be forgotten
_LONGEST = 900.0  # s that one sample may stand for
_KNOWN_SAMPLES, _KNOWN_SECONDS = 24, 6 * 3600.0
_LIKE = 0.5  # of the usual current from which phases are compared with what is usual
_SPREADS = 8.0  # mean deviations by which the phases must differ more than usual
_APPARENT = 1.8  # U·I over √(P² + Q²) that no distortion explains: √(1 + THD²) of a THD of 150 %
_PASSIVE = 0.5  # power factor that a phase may have backwards: a coil between two phases has no more than that


class Oddity(NamedTuple):
    """What contradicts what."""

    reason: str
    evidence: Mapping[str, float]


class Balance(msgspec.Struct, frozen=True):
    """How evenly the phases are usually loaded: the smallest current over the largest.

    Attributes
    ----------
    since, time : float
        s of the first and of the last loaded sample.
    count : int
        Loaded samples.
    mean, spread : float
        Its mean and its mean deviation.
    level : float
        A, mean of the largest phase current.
    """

    since: float = 0.0
    time: float = 0.0
    count: int = 0
    mean: float = 0.0
    spread: float = 0.0
    level: float = 0.0


class Contradiction(msgspec.Struct, frozen=True):
    """What the point has shown."""

    balance: Balance = Balance()
    held: Held = Held()


def observe(watched: WatchedPoint, state: Contradiction, sample: Sample) -> tuple[Contradiction, list[Finding]]:
    """One more sample; a moment without load contradicts nothing and changes nothing."""
    rules = watched.rules
    currents = [abs(i) for i in sample.numbers(*CURRENTS)]
    powers = sample.numbers(*POWERS)
    total = sample.number("active_power")
    loaded = (len(currents) == 3 and max(currents) >= rules.load * watched.rated_current) or (
        total is not None and abs(total) >= rules.load * watched.rated_power
    )
    if not loaded:
        return state, []
    voltages = sample.numbers(*VOLTAGES)
    oddity = (
        _lead_off(watched, voltages, currents)
        or _backwards(watched, powers, total, voltages, currents)
        or _not_apparent(sample, voltages, currents)
        or _uneven(watched, state.balance, sample, currents)
    )
    balance = state.balance if oddity else _learned(state.balance, sample.time, currents)
    held, change = hold(
        state.held,
        sample.time,
        oddity is not None,
        samples=rules.hold_samples,
        seconds=rules.hold_seconds,
        rest=rules.rest,
    )
    after = Contradiction(balance, held)
    if change == "raised" and oddity:
        return after, [found(watched, sample, "ct", held.since or sample.time, oddity.reason, oddity.evidence)]
    if change == "ended":
        return after, [_ended(watched, state.held, sample)]
    return after, []


def _ended(watched: WatchedPoint, held: Held, sample: Sample) -> Finding:
    clear = sample.time if held.clear is None else held.clear
    began = sample.time if held.since is None else held.since
    return found(watched, sample, "ct", began, "currents, voltages and powers agree again", {}, ended=clear)


def _lead_off(watched: WatchedPoint, voltages: list[float], currents: list[float]) -> Oddity | None:
    """A phase carries current, but has no voltage while another has."""
    if len(voltages) != 3 or len(currents) != 3 or max(voltages) < 0.5 * watched.nominal_voltage:
        return None
    for i, (volts, amps) in enumerate(zip(voltages, currents, strict=True), 1):
        if volts < 0.1 * watched.nominal_voltage and amps >= watched.rules.load * watched.rated_current:
            return Oddity(
                f"{amps:.1f} A on phase {i}, which has {volts:.1f} V",
                {f"voltage_l{i}": volts, f"current_l{i}": amps},
            )
    return None


def _backwards(
    watched: WatchedPoint, powers: list[float], total: float | None, voltages: list[float], currents: list[float]
) -> Oddity | None:
    """Power flows backwards: on one phase beside others, or on all of a line that generates none."""
    if len(powers) == 3 and max(powers) > 0:
        phase = min(range(3), key=powers.__getitem__)
        whole = len(voltages) == len(currents) == 3
        carried = voltages[phase] * currents[phase] if whole else max(powers)
        if -powers[phase] > max(_PASSIVE * carried, 0.1 * max(powers)):
            values = {f"active_power_l{i}": p for i, p in enumerate(powers, 1)}
            return Oddity(f"active power of phase {phase + 1} is {powers[phase]:.0f} W beside the others", values)
    shown = sum(powers) if total is None and powers else total
    if shown is not None and not watched.generates and shown < -watched.rules.load * watched.rated_power:
        return Oddity(f"active power is {shown:.0f} W on a line that generates none", {"active_power": shown})
    return None


def _not_apparent(sample: Sample, voltages: list[float], currents: list[float]) -> Oddity | None:
    """Volts times amperes are more than distortion explains, or less than the active power."""
    power, reactive = sample.number("active_power"), sample.number("reactive_power")
    if power is None or reactive is None or len(voltages) != 3 or len(currents) != 3:
        return None
    carried = sum(u * i for u, i in zip(voltages, currents, strict=True))
    shown = math.hypot(power, reactive)
    values = {"apparent_power": carried, "active_power": power, "reactive_power": reactive}
    if carried > _APPARENT * shown:
        return Oddity(f"U·I is {carried:.0f} VA, active and reactive power make {shown:.0f} VA", values)
    if abs(power) > 1.2 * carried:
        return Oddity(f"active power is {power:.0f} W, U·I only {carried:.0f} VA", values)
    return None


def _uneven(watched: WatchedPoint, usual: Balance, sample: Sample, currents: list[float]) -> Oddity | None:
    """The smallest phase current has fallen behind the others, as it never did."""
    if usual.count < _KNOWN_SAMPLES or sample.time - usual.since < _KNOWN_SECONDS or len(currents) != 3:
        return None
    if max(currents) <= _LIKE * usual.level:
        return None  # another load: a furnace taps, and welders on two phases go on
    least = usual.mean - max(watched.rules.balance_fall, _SPREADS * usual.spread)
    ratio = min(currents) / max(currents)
    if ratio >= least:
        return None
    values = {f"current_l{i}": c for i, c in enumerate(currents, 1)} | {"ratio": ratio, "usual": usual.mean}
    return Oddity(f"smallest phase current is {ratio:.0%} of the largest, usually {usual.mean:.0%}", values)


def _learned(usual: Balance, time: float, currents: list[float]) -> Balance:
    if len(currents) != 3 or not any(currents):
        return usual
    most = max(currents)
    ratio = min(currents) / most
    if not usual.count:
        return Balance(time, time, 1, ratio, 0.1, most)
    weight = max(1 / (usual.count + 1), min(time - usual.time, _LONGEST) / _LEARNED)
    level = usual.level + weight * (most - usual.level)
    mean, spread = usual.mean, usual.spread
    if most >= _LIKE * usual.level:
        spread += weight * (abs(ratio - mean) - spread)
        mean += weight * (ratio - mean)
    return Balance(usual.since, time, usual.count + 1, mean, spread, level)
