"""A point that is watched for tampering, how it is judged, and how a finding about it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from stillcold_core.detect.findings import Finding, Severity
from stillcold_core.detect.tamper.table import AMPERES, ROW, VOLTS, WATTS, Flags, some
from stillcold_core.samples import Floats

_HIGHEST = 2.6  # times the nominal voltage, phase to neutral: half as much again as between phases
_BEYOND = 10.0  # times the rating that no power and no current reaches, but for the inrush of a motor that is all of it


@dataclass(frozen=True, slots=True)
class TamperRules:
    """How one point is judged; the defaults hold for 1 s to 15 min between samples.

    Attributes
    ----------
    surprise : float
        Nats: how improbable an exact repetition of voltages and frequency must be before it counts as frozen.
    frozen_samples, frozen_seconds : int, float
        Least length of such a repetition.
    replay_surprise : float
        Nats: the same for a sequence that was seen before.
    hold_samples, hold_seconds : int, float
        How long currents, voltages and powers must contradict each other.
    rest : float
        s for which they must agree before that counts as ended.
    load : float
        Share of the rated current or power from which currents and powers are compared.
    balance_fall : float
        By how much the smallest phase current over the largest must fall below what it usually is.
    ratio_window : float
        s over which power is integrated and compared with the energy register.
    ratio_tolerance : float
        Share by which they may differ, beside what sampling and the register's step explain. Honest meters differ by
        -4 to +2.8 % over an hour.
    ratio_windows : int
        How many such windows in succession.
    clock : float
        s by which the clock may be off before it counts as set.
    """

    surprise: float = 21.0
    frozen_samples: int = 8
    frozen_seconds: float = 600.0
    replay_surprise: float = 35.0
    hold_samples: int = 3
    hold_seconds: float = 300.0
    rest: float = 3600.0
    load: float = 0.05
    balance_fall: float = 0.15
    ratio_window: float = 3600.0
    ratio_tolerance: float = 0.15
    ratio_windows: int = 6
    clock: float = 30.0


@dataclass(frozen=True, slots=True)
class WatchedPoint:
    """A feeder or incomer as the detector needs it.

    Attributes
    ----------
    site, line : str
        Ids.
    rated_power : float
        W
    nominal_voltage : float
        V, phase to neutral.
    register_modulus : float, optional
        Wh at which the energy register begins again from 0; where it is not known, powers of ten and of two count.
    generates : bool
        Whether power may flow backwards: photovoltaics, a drive that brakes.
    reported : tuple of (float, float)
        UTC seconds, beginnings and ends of reported work on the meter; what changes in them is taken as given.
    rules : TamperRules
        How to judge.
    """

    site: str
    line: str
    rated_power: float
    nominal_voltage: float = 220.0
    register_modulus: float | None = None
    generates: bool = False
    reported: tuple[tuple[float, float], ...] = ()
    rules: TamperRules = field(default_factory=TamperRules)

    @property
    def rated_current(self) -> float:
        """A of one phase."""
        return self.rated_power / (3 * self.nominal_voltage)

    def was_reported(self, begin: float, end: float) -> bool:
        """Whether work on the meter was reported for any of the time between two samples."""
        return any(a <= end and begin <= b for a, b in self.reported)


def credible(watched: WatchedPoint, rows: Floats) -> Flags:
    """Whether what was read of each sample are numbers that a meter of this line can show.

    Registers that are shifted, swapped or answered as zeros by a busy meter spoil voltage, frequency or power too.
    """
    frequency, carries = rows[ROW["frequency"]], _BEYOND * watched.rated_current
    odd: Flags = (frequency != 0) & ((frequency < 40) | (frequency > 65))
    odd |= some(rows[VOLTS] > _HIGHEST * watched.nominal_voltage)
    odd |= some(np.abs(rows[WATTS]) > _BEYOND * watched.rated_power)
    odd |= some(np.abs(rows[AMPERES]) > carries)
    fits: Flags = ~odd
    return fits


def found(
    watched: WatchedPoint,
    point: str,
    time: float,
    kind: str,
    began: float,
    reason: str,
    evidence: Mapping[str, float | str],
    *,
    ended: float | None = None,
    severity: Severity = "critical",
) -> Finding:
    """A finding about a point, decided by its sample of that time."""
    return Finding(f"tamper.{kind}", severity, watched.site, watched.line, point, began, time, reason, evidence, ended)
