# ruff: noqa: PLR0124  # NaN is the number that is not itself
"""One point of a sealed line: every signal that its samples give, judged by its own rule."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from stillcold_core.detect.alarms import Alarm, Event, Place, told
from stillcold_core.detect.columns import Column, array, blank, fed, row, state_of
from stillcold_core.detect.creep import Creep, NoiseRules, Parameters, creep, parameters
from stillcold_core.detect.deadline import ARM_VOLTAGE, CONTACT_DELAY, FLOW_DELAY, OFF_DELAY, ON_DELAY, DeadLineLimits
from stillcold_core.detect.deadwords import Words, crept, energy_words, lasting, turned, water_words
from stillcold_core.detect.dwell import JITTER, RAISED, Dwell, dwell
from stillcold_core.detect.energy import RegisterRules, Witness, energy_rules, watch, water_rules
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.presence import CONDITIONS, Presence, account, patience
from stillcold_core.detect.signals import Signals, signals
from stillcold_core.samples import Floats, Samples

Bools = npt.NDArray[np.bool_]
T = TypeVar("T")
DEAD, LIVE, UNKNOWN = (float(CONDITIONS.index(c)) for c in ("dead", "live", "unknown"))


@dataclass(frozen=True, slots=True)
class RestartRules:
    """How the detector judges; the defaults hold for 1 s to 15 min between samples.

    Attributes
    ----------
    on_delay : float
        s that power, current or voltage must stay above its limit.
    off_delay : float
        s that what was raised must stay below its lower limit before it counts as ended.
    rest : float
        s that a register must stand still before its restart counts as ended.
    seen_gone : float
        s without voltage, from the first sample on, after which a point counts as cut off.
    arm_voltage : float
        s without voltage after which a point that had voltage while dead counts as cut off after all.
    contact_delay : float
        s that a contact must stay changed, and before that unchanged: contacts bounce, and a module that starts up
        answers zeros.
    flow_delay : float
        s that water must flow: bubbles make an ultrasonic meter show seconds of flow.
    noise : NoiseRules
        For what adds up below the floor.
    """

    on_delay: float = ON_DELAY
    off_delay: float = OFF_DELAY
    rest: float = 900.0
    seen_gone: float = 30.0
    arm_voltage: float = ARM_VOLTAGE
    contact_delay: float = CONTACT_DELAY
    flow_delay: float = FLOW_DELAY
    noise: NoiseRules = field(default_factory=NoiseRules)


class Cut(msgspec.Struct, frozen=True):
    """Whether a point lies behind the cut.

    A meter in front of the cut shows voltage on a dead line; voltage there proves nothing, and its return after a grid
    outage neither.

    Attributes
    ----------
    off : float, optional
        1 where voltage was seen to be gone, 0 where it was there from the first; None until that is known.
    gone : float, optional
        s since when there has been no voltage.
    powered : float
        1 under voltage, else 0.
    """

    off: float | None = None
    gone: float | None = None
    powered: float = 0.0


class PointState(msgspec.Struct, frozen=True):
    """What the detector remembers of one point.

    Attributes
    ----------
    presence : Presence
        What is proved, and for how long it was.
    cut : Cut
        Whether it lies behind the cut.
    dwells : mapping of str to Dwell
        By signal.
    creeps : mapping of str to Creep
        By signal.
    registers : mapping of str to Witness
        ``energy`` and ``water``.
    closed : mapping of str to Dwell
        By contact: raised once it has shown what it must show.
    alarms : mapping of str to Alarm
        Open findings by kind.
    electrical, witness : bool
        Whether it has shown anything electrical, and water or contacts.
    """

    presence: Presence = Presence()
    cut: Cut = Cut()
    dwells: Mapping[str, Dwell] = {}
    creeps: Mapping[str, Creep] = {}
    registers: Mapping[str, Witness] = {}
    closed: Mapping[str, Dwell] = {}
    alarms: Mapping[str, Alarm] = {}
    electrical: bool = False
    witness: bool = False

    @property
    def only_witness(self) -> bool:
        """Whether it can tell of life, but not of death: water may stand still while the furnace runs."""
        return self.witness and not self.electrical


def judge(
    place: Place, limits: DeadLineLimits, rules: RestartRules, before: PointState, samples: Samples
) -> tuple[PointState, list[Finding]]:
    """Judge samples of one point, each later than the one before, the first one later than any that was judged.

    Parameters
    ----------
    place : Place
        Of the point.
    limits : DeadLineLimits
        Of the line.
    rules : RestartRules
        How to judge.
    before : PointState
        Before the samples; not changed.
    samples : Samples
        At least one.
    """
    state, findings, _ = trace(place, limits, rules, before, samples)
    return state, findings


class Trace(NamedTuple):
    """What samples prove, one by one; arrays of shape (n,).

    Attributes
    ----------
    proved : ndarray of float64
        As an index of :data:`~stillcold_core.detect.presence.CONDITIONS`.
    allowed : ndarray of float64
        s before each sample after which samples would have been missing; infinite where no cadence was known.
    """

    proved: Floats
    allowed: Floats


def trace(
    place: Place, limits: DeadLineLimits, rules: RestartRules, before: PointState, samples: Samples
) -> tuple[PointState, list[Finding], Trace]:
    """Judge samples as :func:`judge` does, and say what each of them proves."""
    shown = signals(samples)
    run = _Run(limits, rules, before, samples.times)
    allowed, intervals = patience(before.presence, samples.times)
    cut, powered = run.voltage(shown)
    run.electrical(shown, cut, powered)
    run.registers(shown, allowed)
    run.witnesses(shown)
    proved = run.proved(shown)
    presence = account(before.presence, samples.times, allowed, fed(proved), intervals)
    events = sorted(run.events, key=lambda e: e.index)
    at = {e.index: float(samples.times[e.index]) for e in events}
    alarms, findings = told(place, before.alarms, events, at) if events else (before.alarms, [])
    state = PointState(
        presence, run.cut, _ordered(run.dwells), _ordered(run.creeps), _ordered(run.witnessed), _ordered(run.closed),
        _ordered(alarms), before.electrical or shown.electrical, before.witness or shown.witness,
    )  # fmt: skip
    return state, findings, Trace(proved, array(allowed))


def idle(shown: Signals, limits: DeadLineLimits) -> Floats | float:
    """By what the limit of the current is multiplied: without active power it is a transformer's noise at most."""
    return 1.0 if shown.power is None else np.where(shown.power < _NO_POWER * limits.power, _WITHOUT_POWER, 1.0)


def _ordered(states: Mapping[str, T]) -> Mapping[str, T]:
    """In an order that does not depend on what was seen first, so that equal states are saved alike."""
    return dict(sorted(states.items()))


class _Run:
    """The samples of one call, judged signal by signal."""

    def __init__(self, limits: DeadLineLimits, rules: RestartRules, before: PointState, times: Floats) -> None:
        self._limits, self._rules = limits, rules
        self._array, self._times, self._count = times, fed(times), len(times)
        self.cut = before.cut
        self.dwells, self.creeps = dict(before.dwells), dict(before.creeps)
        self.witnessed, self.closed = dict(before.registers), dict(before.closed)
        self.events: list[Event] = []
        self._live = np.zeros(self._count, np.bool_)
        self._near = np.zeros(self._count, np.bool_)
        self._full = np.zeros(self._count, np.bool_)

    def voltage(self, shown: Signals) -> tuple[Bools, Column]:
        """Whether the point lies behind the cut, and whether it is under voltage, at each sample."""
        cut, powered = blank(self._count, self.cut.off or 0.0), blank(self._count, self.cut.powered)
        if shown.voltage is not None:
            numbers, rules = row(self.cut), self._rules
            dead = self._limits.voltage_dead * self._limits.nominal_voltage
            _cut(self._times, fed(shown.voltage), dead, rules.seen_gone, rules.arm_voltage, numbers, cut, powered)
            self.cut = state_of(Cut, numbers)
        return array(cut) > 0, powered

    def electrical(self, shown: Signals, cut: Bools, powered: Column) -> None:
        """Power, current and voltage."""
        limits, rated = self._limits, self._limits.rated_power
        amperes = rated / (3 * limits.nominal_voltage)
        if shown.power is not None:
            p = self._noise(rated, limits.power, self._rules.noise.baseline * rated)
            high = self._creep("power", shown.power, powered, blank(self._count, limits.tolerated), p, told=True)
            self._over("power", shown.power, high, limits.power / 2)
        if shown.current is not None and shown.mean_current is not None and shown.phases is not None:
            p = self._noise(amperes, limits.current, 0.8 * limits.current)
            lamps = limits.tolerated / limits.nominal_voltage / np.maximum(shown.phases, 1.0)
            least, times = np.maximum(lamps, _LEAST_CURRENT * amperes), idle(shown, limits)
            tolerated = fed(np.minimum(least, limits.current) * times)
            self._creep("current", shown.mean_current, powered, tolerated, p, told=True)
            p = self._noise(amperes, limits.current, limits.current)
            never = blank(self._count, math.inf)
            high = self._creep("peak", shown.current, powered, never, p, told=False)
            self._over("current", shown.current, fed(array(high) * times), limits.current / 2)
        if shown.voltage is not None and limits.power_cut:
            volts = limits.nominal_voltage
            behind = np.where(cut, shown.voltage, np.nan)
            high = blank(self._count, limits.voltage_live * volts)
            self._over("voltage", behind, high, limits.voltage_dead * volts)

    def registers(self, shown: Signals, allowed: Column) -> None:
        """Energy, and water where it was cut."""
        if shown.energy is not None or self._near.any():
            energy = np.full(self._count, np.nan) if shown.energy is None else shown.energy
            rules, near = energy_rules(self._limits, self._rules.rest), fed(np.where(self._near, 1.0, 0.0))
            self._full |= self._register("energy", energy, allowed, near, rules, energy_words) > 0
        if shown.water is not None and self._limits.water_cut:
            rules = water_rules(self._limits, self._rules.rest)
            self._register("water", shown.water, allowed, blank(self._count), rules, water_words)

    def witnesses(self, shown: Signals) -> None:
        """Flow of water where it was cut, and contacts."""
        limits = self._limits
        if shown.flow is not None and limits.water_cut:
            high = blank(self._count, limits.water_flow)
            self._over("flow", shown.flow, high, limits.water_flow / 2, delay=self._rules.flow_delay)
        for name, wrong in shown.contacts.items():
            known = self._known(name, wrong)
            self._over(name, known, blank(self._count, 0.5), 0.5, delay=self._rules.contact_delay, live=False)

    def proved(self, shown: Signals) -> Floats:
        """What each sample proves, by the order of the conditions."""
        measured = np.zeros(self._count, np.bool_)
        for signal in (shown.power, shown.current):
            if signal is not None:
                measured |= ~np.isnan(signal)
        if shown.energy is not None:
            measured |= ~np.isnan(shown.energy) & ~self._full
        return np.where(self._live, LIVE, np.where(measured, DEAD, UNKNOWN))

    def _noise(self, rated: float, floor: float, baseline: float) -> Parameters:
        budget = self._limits.energy_allowance * 3600 * rated
        return parameters(self._rules.noise, rated=rated, floor=floor, baseline=baseline, budget=budget)

    def _creep(
        self, signal: str, values: Floats, powered: Column, tolerated: Column, p: Parameters, *, told: bool
    ) -> Column:
        """What adds up below the floor; the floor with the noise."""
        numbers = row(self.creeps.get(signal, Creep()))
        guard, live, event = blank(self._count), blank(self._count), blank(self._count)
        facts = blank(3 * self._count)
        if creep(self._times, fed(values), powered, tolerated, p, numbers, guard, live, event, facts):
            self.events += crept(signal, event, facts, self._array, values)
        self.creeps[signal] = state_of(Creep, numbers)
        if told:
            self._live |= (array(live) > 0) & ~np.isnan(values)
        return guard

    def _over(
        self, signal: str, values: Floats, high: Column, low: float, *, delay: float | None = None, live: bool = True
    ) -> None:
        """What lasts above its limit."""
        numbers = row(self.dwells.get(signal, Dwell()))
        event, at = blank(self._count), blank(self._count)
        on, off = (self._rules.on_delay if delay is None else delay) - JITTER, self._rules.off_delay
        if dwell(self._times, fed(values), high, low, on, off, numbers, event, at):
            self.events += lasting(signal, event, at, values, high)
        self.dwells[signal] = state_of(Dwell, numbers)
        if live:
            self._live |= values > array(high)
            self._near |= values > array(high)

    def _register(
        self, name: str, readings: Floats, allowed: Column, near: Column, rules: RegisterRules, words: Words
    ) -> Floats:
        was = self.witnessed.get(name, Witness())
        witness, shown, turns = watch(was, self._array, readings, allowed, near, rules)
        self.witnessed[name] = witness
        self.events += [turned(name, turn, float(self._array[turn.index]), rules, words) for turn in turns]
        level = array(shown)
        self._live |= (level > 1) & ~np.isnan(readings)
        return level

    def _known(self, contact: str, wrong: Floats) -> Floats:
        """A contact from when it has shown for the delay what it must show; before, how it was left is not known."""
        was = self.closed.get(contact, Dwell())
        numbers, event, at = row(was), blank(self._count), blank(self._count)
        delay = self._rules.contact_delay - JITTER
        right, limit = fed(1.0 - wrong), blank(self._count, 0.5)
        found = dwell(self._times, right, limit, -1.0, delay, math.inf, numbers, event, at)
        self.closed[contact] = state_of(Dwell, numbers)
        if was.began is not None:
            return wrong
        first = int(np.argmax(array(event) == RAISED)) if found else self._count
        return np.where(np.arange(self._count) < first, np.nan, wrong)


_LEAST_CURRENT = 0.0025  # of the rated current, tolerated for any length of time: coarse displays step by as much
_WITHOUT_POWER, _NO_POWER = 2.5, 0.1  # times a current's limit without power (clamps' floor), and power's that is none


@kernel
def _cut(
    times: Column,
    volts: Column,
    dead: float,
    seen_gone: float,
    arm: float,
    s: Column,
    cut: Column,
    powered: Column,
) -> None:
    off, gone, on = s[0], s[1], s[2]
    for i in range(len(times)):
        v, t = volts[i], times[i]
        if v >= dead:
            off, gone, on = 1.0 if off == 1.0 else 0.0, math.nan, 1.0
        elif v == v:
            on = 0.0
            gone = gone if gone == gone else t
            if t - gone >= (arm if off == off else seen_gone):
                off = 1.0
        cut[i] = 1.0 if off == 1.0 else 0.0
        powered[i] = on
    s[0], s[1], s[2] = off, gone, on
