"""The energy register set back, or another meter's: what follows from one reading to the next, and what cannot."""
# ruff: noqa: PLR0124 - what differs from itself is no number

import math
from collections.abc import Iterator

import msgspec
import numpy as np

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.tamper.clock import SET_BACK, Orders
from stillcold_core.detect.tamper.identity import History, Identity, known_at
from stillcold_core.detect.tamper.table import VOLTS, Flags, Table, some
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.samples import Floats

_OVERLOAD = 4.0  # multiple of the rated power above which an advance is not believed
_FULL = 1.5  # the same for a register that begins again, which is no wonder after a long time
_ALLOWANCE = 20e3  # Wh that a register may advance at any time: two steps of the coarsest of the field
_LOST = 60.0  # s at rated power, and Wh at least, that a meter may lose when its supply fails
_LOST_LEAST = 1e3
_DEAD = 0.1  # share of the nominal voltage below which a conductor is dead
_CONFIRM = (3, 900.0)  # readings and s: a wire that spoils registers does so for minutes
_CONFIRM_SLOW = 6  # readings that come minutes apart: the wire may have been spoilt for as long as three take
_SLOW = 300.0  # s
_CONFIRM_ZERO = 6 * 3600.0  # s; a meter that starts up, or is not understood, shows zeros


class Doubt(msgspec.Struct, frozen=True):
    """A reading that does not follow from the last one, and those that follow from it.

    Attributes
    ----------
    first, time : float
        Wh and s of the first one.
    reading, last : float
        Wh and s of the last one.
    count : int
        How many.
    """

    first: float
    time: float
    reading: float
    last: float
    count: int = 1


class Register(msgspec.Struct, frozen=True):
    """What the register has shown.

    Attributes
    ----------
    reading, time : float, optional
        Wh and s of the last reading that was believed.
    doubt : Doubt, optional
        Readings that are not believed yet.
    before : float, optional
        Wh from which the register rose to the last reading that was believed.
    """

    reading: float | None = None
    time: float = 0.0
    doubt: Doubt | None = None
    before: float | None = None


def observe(
    watched: WatchedPoint, state: Register, table: Table, orders: Orders, repeated: Flags, history: History
) -> tuple[Register, Flags, list[tuple[int, Finding]]]:
    """Judge a table's samples.

    A reading that is lower than the last one, or higher than four times the rated power could make it, is held in doubt
    until others follow from it and a quarter of an hour has passed; a bad reading never does that. Then it is a
    roll-over at the register's modulus, a changed meter or a register that was set back. Readings of 0 beside a
    conductor without voltage are those of a meter that has none itself.

    Parameters
    ----------
    orders : ndarray of int8, shape (n,)
        Of the samples' times. Those of a clock that was set back carry the register on.
    repeated : ndarray of bool, shape (n,)
        Whether the meter shows old values, so that its register stands still.
    history : list of (int, Identity)
        What the meter says of itself.

    Returns
    -------
    state : Register
    believed : ndarray of bool, shape (n,)
        Whether a sample's register follows from the one before.
    findings : list of (int, Finding)
        With the sample that decided each.
    """
    readings, times = np.where(_unpowered(watched, table), np.nan, table.row("active_energy_import")), table.times
    believed, findings = np.zeros(len(times), np.bool_), list[tuple[int, Finding]]()
    rate, lost = _OVERLOAD * watched.rated_power / 3600, _lost(watched)
    i = 0
    while i < len(times):
        if state.reading is not None and state.doubt is None:
            before = math.nan if state.before is None else state.before
            i, reading, time, before = _following(
                readings, times, table.judged, orders, repeated, believed, i, state.reading, state.time, before, rate,
                lost,
            )  # fmt: skip
            state = Register(float(reading), float(time), None, None if math.isnan(before) else float(before))
        if i < len(times):
            state, said = _odd(watched, state, table, readings, orders, repeated, history, i)
            believed[i] = table.judged[i] and not repeated[i] and state.doubt is None
            findings += [(i, f) for f in said]
            i += 1
    return state, believed, findings


@kernel
def _following(
    readings: Floats,
    times: Floats,
    judged: Flags,
    orders: Orders,
    repeated: Flags,
    believed: Flags,
    first: int,
    reading: float,
    time: float,
    before: float,
    rate: float,
    lost: float,
) -> tuple[int, float, float, float]:
    """Over all readings that follow from the ones before."""
    i = first
    while i < len(times):
        now = readings[i]
        if orders[i] == SET_BACK:
            break
        if judged[i] and now == now and not (repeated[i] and now == reading):
            change = now - reading
            if not -lost <= change <= rate * (times[i] - time) + _ALLOWANCE:
                break
            before = reading if change > 0 else before
            reading, time = now, times[i]
        believed[i] = judged[i] and not repeated[i]
        i += 1
    return i, reading, time, before


def _unpowered(watched: WatchedPoint, table: Table) -> Flags:
    """Whether a register of 0 stands beside voltages that say that the meter itself is dead."""
    volts = table.rows[VOLTS]
    below = _DEAD * watched.nominal_voltage
    dead: Flags = some(volts < below) & ~some(volts >= below) & (table.row("active_energy_import") == 0)
    return dead


def _odd(
    watched: WatchedPoint,
    state: Register,
    table: Table,
    readings: Floats,
    orders: Orders,
    repeated: Flags,
    history: History,
    i: int,
) -> tuple[Register, list[Finding]]:
    """The first reading, and those that do not follow or come after such a one."""
    reading, time = float(readings[i]), float(table.times[i])
    if orders[i] == SET_BACK:
        return _carried(state, reading), []
    if not table.judged[i] or math.isnan(reading) or (repeated[i] and reading == state.reading):
        return state, []
    doubt = state.doubt
    counts = doubt is not None and _counts_on(watched, doubt, time, reading)
    if state.reading is None or (not counts and _follows(watched, state.time, state.reading, time, reading)):
        rose = state.reading is not None and reading > state.reading
        return Register(reading, time, before=state.reading if rose else state.before), []
    if doubt is None or not _follows(watched, doubt.last, doubt.reading, time, reading):
        return msgspec.structs.replace(state, doubt=Doubt(reading, time, reading, time)), []
    doubt = Doubt(doubt.first, doubt.time, reading, time, doubt.count + 1)
    if not _confirmed(doubt):
        return msgspec.structs.replace(state, doubt=doubt), []
    return Register(reading, time), _decided(watched, state, doubt, known_at(history, i), table.point)


def _counts_on(watched: WatchedPoint, doubt: Doubt, time: float, reading: float) -> bool:
    """Whether a register that fell has counted on so that it reaches where it was, and not gone back there at once."""
    most = _FULL * watched.rated_power * (time - doubt.last) / 3600 + _ALLOWANCE / 2
    return doubt.count >= _CONFIRM[0] and 0 <= reading - doubt.reading <= most


def _confirmed(doubt: Doubt) -> bool:
    lasted = doubt.last - doubt.time
    if doubt.reading == 0:
        return doubt.count >= _CONFIRM[0] and lasted >= _CONFIRM_ZERO
    slow = lasted >= _SLOW * (doubt.count - 1)
    return doubt.count >= (_CONFIRM_SLOW if slow else _CONFIRM[0]) and lasted >= _CONFIRM[1]


def _carried(state: Register, reading: float) -> Register:
    """The register as a meter shows it whose clock was set back; its time stays that of the last sample in order."""
    return Register(reading, state.time) if reading >= (state.reading or 0.0) else state


def _decided(watched: WatchedPoint, state: Register, doubt: Doubt, identity: Identity, point: str) -> list[Finding]:
    before, first = state.reading or 0.0, doubt.first
    told = _swap_is_told(identity, state.time)
    if told or watched.was_reported(state.time, doubt.last) or _rolled_over(watched, state, doubt, identity):
        return []
    if _was_too_high(state, first):
        return []
    evidence = {"active_energy_import": first, "from_reading": before, "change": first - before}
    if first < before:
        reason = f"energy register fell from {before / 1000:.2f} to {first / 1000:.2f} kWh"
        return [found(watched, point, doubt.last, "rollback", state.time, reason, evidence)]
    reason = (
        f"energy register leapt from {before / 1000:.2f} to {first / 1000:.2f} kWh in {doubt.time - state.time:.0f} s, "
        f"which a line of {watched.rated_power / 1000:.0f} kW cannot take"
    )
    return [found(watched, point, doubt.last, "meter_changed", state.time, reason, evidence)]


def _was_too_high(state: Register, first: float) -> bool:
    """Whether the last reading was a bad one: the register has fallen back to where it rose from, or little above."""
    return state.before is not None and state.before <= first <= (state.before + (state.reading or 0.0)) / 2


def _swap_is_told(identity: Identity, since: float) -> bool:
    """Whether the serial number says since then that another meter hangs there."""
    return "meter_serial" in identity.doubt or identity.swapped > since


def _follows(watched: WatchedPoint, time: float, reading: float, now: float, next_reading: float) -> bool:
    return -_lost(watched) <= next_reading - reading <= _most(watched, now - time)


def _lost(watched: WatchedPoint) -> float:
    return max(_LOST * watched.rated_power / 3600, _LOST_LEAST)


def _most(watched: WatchedPoint, seconds: float) -> float:
    """Wh that the register may advance in that time."""
    return _OVERLOAD * watched.rated_power * seconds / 3600 + _ALLOWANCE


def _rolled_over(watched: WatchedPoint, state: Register, doubt: Doubt, identity: Identity) -> bool:
    most = _FULL * watched.rated_power * (doubt.time - state.time) / 3600 + _ALLOWANCE
    return any(0 <= doubt.first + m - (state.reading or 0.0) <= most for m in _moduli(watched, identity))


def _moduli(watched: WatchedPoint, identity: Identity) -> Iterator[float]:
    """Wh at which the register may begin again."""
    if watched.register_modulus is not None:
        yield watched.register_modulus
        return
    ratio = identity.known.get("ct_ratio", 1.0) * identity.known.get("pt_ratio", 1.0)
    for factor in {1.0, ratio}:
        yield from (factor * 10.0**n for n in range(7, 14))
        yield from (factor * 2.0**bits * step for bits in (31, 32) for step in (1, 10, 100, 1000))
