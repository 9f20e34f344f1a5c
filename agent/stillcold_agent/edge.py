"""The rules at the edge: which sample must go out at once, and which soon."""

from dataclasses import replace
from enum import StrEnum

import msgspec

from stillcold_agent.meters import Meter
from stillcold_agent.witnesses import AGAIN, Witnesses
from stillcold_core.detect.deadline import (
    ARM_VOLTAGE,
    CONTACT_DELAY,
    CONTACTS,
    FLOW_DELAY,
    ON_DELAY,
    DeadLineLimits,
    Seen,
    energised,
    seen,
)
from stillcold_core.readings import Sample

_DECIDING = {"seal": 2 * CONTACT_DELAY, "water": 2 * FLOW_DELAY}
"""s after contacts or water showed life, in which each reading may be the one that decides at the server."""
_DECIDING_POWER = 2 * ON_DELAY
"""The same for everything else."""
_NEXT = 1.5
"""Intervals within which the next reading comes: of a slow meter it is the one that decides."""
_WITNESSES = {*CONTACTS, "water_flow", "water_volume"}
_STEP = 0.02
"""Share of the rated power that makes a change of power worth telling soon."""


class Change(StrEnum):
    """Why a batch is closed soon, without a line being energised."""

    FIRST = "first"
    """The first sample of this run."""
    SILENT = "silent"
    """The meter has ceased to answer."""
    BACK = "back"
    """The meter answers again."""
    CONTACT = "contact"
    """A contact opened or closed."""
    STEP = "step"
    """The active power moved by more than 2 % of the rated power."""
    DEAD = "dead"
    """A sealed line shows no life any more."""


class Verdict(msgspec.Struct, frozen=True):
    """What a sample means for the open batch.

    Attributes
    ----------
    live : str or None
        Why the sealed line is not dead: ``power``, ``current``, ``voltage`` or ``energy``; ``seal`` or ``water``
        while the server may be waiting for what contacts or water show.
    began : bool
        Whether the sample before did not show it.
    deciding : bool
        Whether it began so lately that the server may be waiting for this sample to raise the alert.
    change : Change or None
        What changed otherwise.
    answered : bool
        Whether the sample has any number.
    """

    live: str | None = None
    began: bool = False
    deciding: bool = False
    change: Change | None = None
    answered: bool = True


class Watch:
    """Follows the samples of one meter.

    Parameters
    ----------
    meter : Meter
        Whose.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        limits = meter.limits
        self._without_voltage = replace(limits, power_cut=False) if limits and limits.power_cut else None
        self._off: bool | None = None
        self._gone: float | None = None
        self._last: Sample | None = None
        self._answered = False
        self._live: str | None = None
        self._since = 0.0
        self._decides = max(_DECIDING_POWER, _NEXT * meter.interval)
        self._energy: float | None = None
        self._power: float | None = None
        self._contacts = [c for c in CONTACTS if c in meter.exponents]
        has_witnesses = not _WITNESSES.isdisjoint(meter.exponents)
        self._witnesses = Witnesses(meter.limits) if meter.limits and has_witnesses else None
        self._witness: str | None = None
        self._told: dict[str, float] = {}
        self._witnessed_until = 0.0

    def judge(self, sample: Sample) -> Verdict:
        """What ``sample`` means, after those before it."""
        shown = seen(sample)
        limits = self._limits(shown, sample.monotonic)
        live = energised(shown, limits, self._energy) if limits else None
        answered = any(isinstance(v, float) for v in sample.values.values())
        change = self._change(sample, shown, live, answered)
        began = live is not None and (self._live is None or not self._answered)
        if began:
            self._since = sample.monotonic
        if answered:
            self._live = live
        self._last, self._answered = sample, answered
        self._energy = self._energy if shown.energy is None else shown.energy
        deciding = live is not None and sample.monotonic - self._since <= self._decides
        witness, first = self._witnessing(self._witnesses, sample) if self._witnesses else (None, False)
        return Verdict(live or witness, began or first, deciding or witness is not None, change, answered)

    def _limits(self, shown: Seen, monotonic: float) -> DeadLineLimits | None:
        """Those of the line; without voltage where it proves nothing, as the server has it.

        A meter in front of the cut shows voltage on a dead line, and its return after a grid outage is no restart:
        voltage counts where the first reading showed none, or where it was gone for a day.
        """
        limits = self._meter.limits
        if limits is None or self._without_voltage is None or self._off:
            return limits
        volts = shown.voltage
        if volts is not None and volts >= limits.voltage_dead * limits.nominal_voltage:
            self._off, self._gone = False, None
        elif volts is not None:
            self._gone = monotonic if self._gone is None else self._gone
            self._off = self._off is None or monotonic - self._gone >= ARM_VOLTAGE
        return limits if self._off else self._without_voltage

    def _witnessing(self, witnesses: Witnesses, sample: Sample) -> tuple[str | None, bool]:
        """What contacts or water show, while it may decide, and whether this sample is the first to show it."""
        begun = witnesses.began(sample)
        at = sample.monotonic
        if begun and at - self._told.get(begun, -AGAIN) >= AGAIN:
            self._witness = begun
            self._told[begun] = at
            until = at + max(_DECIDING[begun], _NEXT * self._meter.interval)
            self._witnessed_until = max(self._witnessed_until, until)
            return begun, True
        return (self._witness if at <= self._witnessed_until else None), False

    def _change(self, sample: Sample, shown: Seen, live: str | None, answered: bool) -> Change | None:
        if self._last is None:
            return Change.FIRST
        if answered != self._answered:
            return Change.BACK if answered else Change.SILENT
        if self._contacts and self._moved(sample, self._last):
            return Change.CONTACT
        if self._live and not live and answered:
            return Change.DEAD
        return Change.STEP if self._stepped(shown.power) else None

    def _moved(self, sample: Sample, before: Sample) -> bool:
        """Whether a contact that is in this sample shows something else."""
        return any(sample.number(c) != before.number(c) for c in self._contacts if c in sample.values)

    def _stepped(self, power: float | None) -> bool:
        """Compares with the power that was last told, so that a slow rise is told too."""
        if self._meter.rated_power is None or power is None:
            return False
        if self._power is None:
            self._power = power
        if abs(power - self._power) <= _STEP * self._meter.rated_power:
            return False
        self._power = power
        return True
