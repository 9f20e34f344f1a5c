"""Current transformers and voltage leads: currents, voltages and powers of one moment that contradict each other."""

import math
from typing import Any

import msgspec
import numpy as np

from stillcold_core.detect.deadline import CURRENTS, POWERS, VOLTAGES
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.physics import (
    BACKWARDS,
    ENDED,
    EXPORTS,
    FACTOR,
    LEAD_OFF,
    RAISED,
    UNEVEN,
    Scalars,
    lasting,
    moments,
)
from stillcold_core.detect.tamper.table import AMPERES, ROW, Table
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.samples import Floats

_FED_BACK = (100e3, 0.002)  # Wh, and share of what was taken, that a line has given which generates
_WATTS = slice(ROW["active_power_l1"], ROW["active_power_l3"] + 1)
_VOLTS = slice(ROW["voltage_l1"], ROW["voltage_l3"] + 1)
_BETWEEN = slice(ROW["voltage_l12"], ROW["voltage_l31"] + 1)


class Contradiction(msgspec.Struct, frozen=True):
    """What the point has shown.

    Attributes
    ----------
    since, time : float
        s of the first and of the last loaded sample that contradicted nothing.
    count : int
        How many there were.
    mean, spread : float
        Of the smallest phase current over the largest, how evenly the phases are usually loaded: its mean and its mean
        deviation.
    level : float
        A, mean of the largest phase current.
    held : float
        s since when something contradicts, -1 where nothing does.
    holds : int
        Samples in succession that did.
    raised : bool
        Whether it was believed.
    clear : float
        s since when nothing contradicts any more, while it is raised; else -1.
    clears : int
        Samples in succession since then.
    begun : float
        s of the first sample; -1 before it.
    exports : bool
        Whether the line generates: power flowed backwards from the beginning, or its register for that had counted.
    odd : float
        Loaded samples that contradicted something and were not believed, of as many as are remembered.
    way : int
        Whether power is too little for U·I in what contradicts, -1, or too much, 1.
    low, behind : int, float
        The phase of least current in the first sample that contradicted, -1 where it is power that does not fit, and
        its current over the largest.
    """

    since: float = 0.0
    time: float = 0.0
    count: int = 0
    mean: float = 0.0
    spread: float = 0.0
    level: float = 0.0
    held: float = -1.0
    holds: int = 0
    raised: bool = False
    clear: float = -1.0
    clears: int = 0
    begun: float = -1.0
    exports: bool = False
    odd: float = 0.0
    way: int = 0
    low: int = 0
    behind: float = 1.0


_KINDS: tuple[type[Any], ...] = tuple(type(number) for number in msgspec.structs.astuple(Contradiction()))


def observe(
    watched: WatchedPoint, state: Contradiction, table: Table
) -> tuple[Contradiction, list[tuple[int, Finding]]]:
    """Judge a table's samples; a moment without load contradicts nothing and changes nothing."""
    rules, findings = watched.rules, list[tuple[int, Finding]]()
    if state.begun < 0 and _gives(table):
        state = msgspec.structs.replace(state, exports=True)
    amperes, powers = _currents(watched, table.rows), _total(table)
    loaded = (amperes.max(0) >= rules.load * watched.rated_current) | (
        np.abs(powers) >= rules.load * watched.rated_power
    )
    loaded &= table.judged
    codes, phases = (np.zeros(len(powers), np.int8) for _ in range(2))
    limits = (watched.rated_power, watched.nominal_voltage, rules.load)
    moments(
        table.rows[_VOLTS], _carried(table), amperes, table.rows[_WATTS], powers, table.row("reactive_power"),
        table.row("power_factor"), loaded, codes, phases, limits,
    )  # fmt: skip
    held = (watched.generates, rules.hold_samples, rules.hold_seconds, rules.rest, rules.balance_fall)
    scalars, i, event = msgspec.structs.astuple(state), 0, RAISED
    while event:
        event, i, scalars = lasting(codes, phases, amperes, loaded, table.judged, table.times, i, held, scalars)
        if event:
            findings.append((i, _told(watched, table, i, event, int(codes[i]), int(phases[i]), scalars)))
            if event == ENDED:
                scalars = (*scalars[:6], -1.0, 0, False, -1.0, 0, *scalars[11:14], 0, 0, 1.0)
            i += 1
    return _state(scalars), findings


def _total(table: Table) -> Floats:
    """W of all phases."""
    total = table.row("active_power")
    return np.where(np.isnan(total), table.rows[_WATTS].sum(0), total)


def _carried(table: Table) -> Floats:
    """VA: U·I of all phases; of a meter that shows only voltages between phases, by their mean."""
    amperes = np.abs(table.rows[AMPERES])
    by_phase = (table.rows[_VOLTS] * amperes).sum(0)
    between: Floats = table.rows[_BETWEEN].sum(0) * amperes.sum(0) / (3 * math.sqrt(3))
    return np.where(np.isnan(by_phase), between, by_phase)


def _currents(watched: WatchedPoint, rows: Floats) -> Floats:
    """A by phase; of a meter that shows only the phases' powers, those at nominal voltage."""
    currents = rows[AMPERES]
    known = ~np.isnan(currents).any(0)
    return np.abs(currents if known.all() else np.where(known, currents, rows[_WATTS] / watched.nominal_voltage))


def _gives(table: Table) -> bool:
    """Whether the first sample's register of what was given back has counted."""
    first = np.flatnonzero(table.judged)[:1]
    given, taken = (table.row(f"active_energy_{way}")[first] for way in ("export", "import"))
    return bool((given >= np.fmax(_FED_BACK[0], _FED_BACK[1] * taken)).any())


def _state(scalars: Scalars) -> Contradiction:
    """As plain numbers: those of an array cannot be saved."""
    return Contradiction(*(kind(number) for kind, number in zip(_KINDS, scalars, strict=True)))


def _told(watched: WatchedPoint, table: Table, i: int, event: int, code: int, phase: int, scalars: Scalars) -> Finding:
    began, time = float(scalars[6]), float(table.times[i])
    if event == ENDED:
        reason = "currents, voltages and powers agree again"
        return found(watched, table.point, time, "ct", began, reason, {}, ended=float(scalars[9]))
    names = (*VOLTAGES, *CURRENTS, *POWERS, "active_power", "reactive_power", "power_factor")
    shown = table.values(i, names)
    return found(watched, table.point, time, "ct", began, _reason(shown, code, phase, float(scalars[3])), shown)


def _reason(shown: dict[str, float], code: int, phase: int, usual: float) -> str:
    carried = sum(shown.get(u, 0.0) * abs(shown.get(i, 0.0)) for u, i in zip(VOLTAGES, CURRENTS, strict=True))
    power, n = shown.get("active_power", 0.0), phase + 1
    reasons = {
        LEAD_OFF: "{:.1f} A on phase {}, which has {:.1f} V".format(
            shown.get(f"current_l{n}", 0.0), n, shown.get(f"voltage_l{n}", 0.0)
        ),
        BACKWARDS: f"active power of phase {n} is {shown.get(f'active_power_l{n}', 0.0):.0f} W beside the others",
        EXPORTS: f"active power is {power:.0f} W on a line that generates none",
        FACTOR: f"active power is {power:.0f} W, not the power factor times {carried:.0f} VA",
        UNEVEN: f"smallest phase current fell behind the largest, of which it usually is {usual:.0%}",
    }
    return reasons.get(code, f"active power is {power:.0f} W, U·I {carried:.0f} VA")
