# ruff: noqa: PLR0124  # NaN is the number that is not itself
"""A register as a witness: a leaky bucket over its increments, which also counts across a gap."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from stillcold_core.detect.columns import Column, blank, fed, row, state_of
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.signals import LITRE
from stillcold_core.samples import Floats

_COARSEST = 1e4  # registers of the field step by 1 Wh to 10 kWh
_DAY = 86400.0  # s
_OVERLOAD = 10.0  # multiple of the rated power above which an increment is not believed at once
_FASTEST_WATER = 500.0  # m³/h, above which an increment is not believed at once; a DN200 main gives less
_MOST_WATER = 100.0  # m³/h that a line may take for a day


class Witness(msgspec.Struct, frozen=True):
    """What a register has shown, in whole units of its kind (Wh, litres).

    Attributes
    ----------
    reading, time : float, optional
        Unit and s of the last reading that was believed.
    step : float
        Largest power of ten, up to 10,000, that divides every reading so far.
    level : float
        Units in the bucket.
    began, anchor : float, optional
        s and unit of the last reading before the bucket began to fill.
    total : float
        Units that the register has advanced since then.
    grew : float, optional
        s of the last increment.
    raised : float, optional
        s at which the level was found to have passed the threshold; None while it is not, and once the register has
        come to rest.
    near : float, optional
        s of the last sample in which something else showed life.
    doubt_time, doubt : float, optional
        s and unit of a reading that does not follow from the last one, until another one confirms it.
    """

    reading: float | None = None
    time: float | None = None
    step: float = _COARSEST
    level: float = 0.0
    began: float | None = None
    anchor: float | None = None
    total: float = 0.0
    grew: float | None = None
    raised: float | None = None
    near: float | None = None
    doubt_time: float | None = None
    doubt: float | None = None


@dataclass(frozen=True, slots=True)
class RegisterRules:
    """What a register of a dead line may do.

    Attributes
    ----------
    allowance : float
        Units that may add up.
    leak : float
        Units a second that are tolerated for any length of time.
    fastest : float
        Units a second above which an increment is not believed at once.
    day : float
        Units that the line could have taken in a day: a leap that another reading confirms counts up to this.
    rest : float
        s that the register must stand still before its run counts as ended.
    """

    allowance: float
    leak: float
    fastest: float
    day: float
    rest: float = 900.0


def energy_rules(limits: DeadLineLimits, rest: float) -> RegisterRules:
    """For the energy register of a line, in Wh."""
    rated = limits.rated_power / 3600  # Wh a second
    return RegisterRules(limits.energy, limits.tolerated / 3600, _OVERLOAD * rated, _DAY * rated, rest)


def water_rules(limits: DeadLineLimits, rest: float) -> RegisterRules:
    """For the water register of a line, in litres."""
    second = LITRE / 3600  # litres a second for one m³/h
    fastest, most = _FASTEST_WATER * second, _MOST_WATER * second
    return RegisterRules(limits.water_allowance * LITRE, limits.water_leak * second, fastest, _DAY * most, rest)


@dataclass(frozen=True, slots=True)
class Turn:
    """A run that a register began to show, or ceased to.

    Attributes
    ----------
    index : int
        Of the sample.
    what : "raised" or "ended"
    at : float
        s at which it ended, or began.
    witness : Witness
        With the figures.
    """

    index: int
    what: Literal["raised", "ended"]
    at: float
    witness: Witness


def watch(
    witness: Witness, times: Floats, readings: Floats, allowed: Column, near: Column, rules: RegisterRules
) -> tuple[Witness, Column, list[Turn]]:
    """Follow a register.

    Its increments flow into a bucket that leaks at what is tolerated; above the allowance plus one step of the register
    the line has run. That is a one-sided CUSUM (Page 1954) of the mean power with the tolerated power as its reference
    value, and it needs no regular samples.

    Parameters
    ----------
    witness : Witness
        Before the readings.
    times, readings : ndarray, shape (n,)
        s and units; NaN where nothing was read.
    allowed : column, shape (n,)
        s after which readings are missing. A reading after such a gap decides alone; otherwise the reading that passes
        the threshold needs another one that does not fall behind it.
    near : column, shape (n,)
        1 where another quantity shows life. That and a register that has advanced by more than one step above what is
        tolerated, since the reading before or until the one after, are two that agree, and decide at once.
    rules : RegisterRules
        Of the register.

    Returns
    -------
    witness : Witness
        After the readings.
    shown : column, shape (n,)
        2 while the register shows a run, 1 while something is in the bucket, else 0.
    turns : list of Turn
        In order.

    Notes
    -----
    Zero after anything else is no reading: meters that start up or are busy answer it. A reading that follows from the
    last one over a roll-over, at a power of ten or at 2³² steps, counts on. Any other reading below the last one (a
    changed meter), or above it by more than the line can take, is held in doubt until the next one: when that follows
    from the doubtful one, counting goes on from there; otherwise the doubtful one is forgotten. A leap upwards that is
    confirmed so, and that the line could have made within a day, counts: a meter that was frozen or whose readings were
    replayed shows one when it is set free.
    """
    shown = blank(len(times))
    turns: list[Turn] = []
    columns = fed(times), fed(readings), fed(np.rint(readings)), allowed, near
    p = (rules.allowance, rules.leak, rules.fastest, rules.rest)
    i = 0
    while True:
        numbers = row(witness)
        i = _follow(*columns, p, numbers, shown, i)
        witness = state_of(Witness, numbers)
        if i == len(times):
            return witness, shown, turns
        time, reading = float(times[i]), float(readings[i])
        before, witness = witness, _decide(witness, time, reading, rules, float(allowed[i]))
        if before.raised is None and witness.raised is not None:
            turns.append(Turn(i, "raised", witness.began if witness.began is not None else time, witness))
        elif before.raised is not None and _at_rest(witness, time, rules.rest):
            turns.append(Turn(i, "ended", witness.grew if witness.grew is not None else time, witness))
            witness = _emptied(witness)
        shown[i] = 2.0 if witness.raised is not None else 1.0 if witness.level > 0 else 0.0
        i += 1


def threshold(witness: Witness, rules: RegisterRules) -> float:
    """Units in the bucket above which the line has run."""
    return rules.allowance + witness.step


@kernel
def _follow(  # one loop, for the compiler
    times: Column,
    readings: Column,
    whole: Column,
    allowed: Column,
    near: Column,
    p: tuple[float, float, float, float],
    s: Column,
    shown: Column,
    start: int,
) -> int:
    """Go on to the first reading that is more than the next one of a register at rest or at work; its index."""
    allowance, leak, fastest, rest = p
    reading, time, step, level, began, anchor, total, grew = s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
    raised, beside = s[8] == s[8], s[9]
    settled = reading == reading and s[10] != s[10]
    stop = len(times)
    for i in range(start, len(times)):
        x, t = readings[i], times[i]
        if near[i] > 0.0:
            beside = t
        if x == x:
            added = x - reading
            if not (settled and 0.0 <= added <= max(fastest * (t - time) + allowance, 2.0 * step)):
                stop = i
                break
            divisor = step
            while divisor > 1.0 and whole[i] % divisor > 0.0:
                divisor /= 10.0
            left = max(0.0, level + added - leak * (t - time))
            limit = allowance + divisor
            if raised:
                turns = added == 0.0 and t - grew >= rest
            else:
                turns = (
                    level > allowance + step
                    or (left > limit and t - time > allowed[i])
                    or (left > divisor and beside >= time)
                )
            if turns:
                stop = i
                break
            if added > 0.0:
                if level == 0.0 and not raised:
                    began, anchor, total = time, reading, 0.0
                total, grew = total + added, t
            reading, time, step, level = x, t, divisor, left
        shown[i] = 2.0 if raised else 1.0 if level > 0.0 else 0.0
    s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7] = reading, time, step, level, began, anchor, total, grew
    s[9] = beside
    return stop


def _decide(witness: Witness, time: float, reading: float, rules: RegisterRules, allowed: float) -> Witness:
    """One more reading, whatever it is."""
    if witness.reading is None or witness.time is None:
        return msgspec.structs.replace(witness, reading=reading, time=time, step=coarsest_step(witness.step, reading))
    if reading == 0 and witness.reading > 0:
        return witness
    gap = time - witness.time > allowed
    last = (witness.time, witness.reading)
    for shown in (reading, *(reading + top for top in _tops(witness) if reading < witness.reading < top)):
        if _follows(witness, last, time, shown, rules):
            return _grow(witness, time, reading, rules, gap=gap, added=shown - witness.reading)
    doubt = witness.doubt_time, witness.doubt
    if doubt[0] is not None and doubt[1] is not None and _follows(witness, (doubt[0], doubt[1]), time, reading, rules):
        jump = reading - witness.reading
        if 0 < jump <= rules.day:
            return _grow(witness, time, reading, rules, gap=True, added=jump)
        kept = witness if witness.raised is not None else _emptied(witness)
        step = coarsest_step(_COARSEST, reading)  # what was wrong before has told nothing of the steps
        return msgspec.structs.replace(kept, reading=reading, time=time, step=step, doubt_time=None, doubt=None)
    return msgspec.structs.replace(witness, doubt_time=time, doubt=reading)


def _follows(witness: Witness, last: tuple[float, float], time: float, reading: float, rules: RegisterRules) -> bool:
    most = max(rules.fastest * (time - last[0]) + rules.allowance, 2 * witness.step)
    return 0 <= reading - last[1] <= most


def _tops(witness: Witness) -> Iterator[float]:
    """Readings at which registers of the field start again from 0."""
    yield from (10.0**n for n in range(6, 16))
    yield 2.0**32 * witness.step


def _grow(witness: Witness, time: float, reading: float, rules: RegisterRules, *, gap: bool, added: float) -> Witness:
    before = time if witness.time is None else witness.time
    starts = witness.level == 0 and witness.raised is None and added > 0
    grown = msgspec.structs.replace(
        witness,
        reading=reading,
        time=time,
        step=coarsest_step(witness.step, reading),
        level=max(0.0, witness.level + added - rules.leak * (time - before)),
        began=witness.time if starts else witness.began,
        anchor=witness.reading if starts else witness.anchor,
        total=added if starts else witness.total + added,
        grew=time if added > 0 else witness.grew,
        doubt_time=None,
        doubt=None,
    )
    limit, agreed = threshold(grown, rules), witness.near is not None and witness.near >= before
    passed = (
        witness.level > threshold(witness, rules)
        or (gap and grown.level > limit)
        or (agreed and grown.level > grown.step)
    )
    return msgspec.structs.replace(grown, raised=time) if passed and grown.raised is None else grown


def _at_rest(witness: Witness, time: float, rest: float) -> bool:
    return witness.grew is None or time - witness.grew >= rest


def _emptied(witness: Witness) -> Witness:
    """The same register with an empty bucket, for the next run of the line."""
    return msgspec.structs.replace(witness, level=0.0, began=None, anchor=None, total=0.0, grew=None, raised=None)


def coarsest_step(step: float, reading: float) -> float:
    """The coarsest power of ten, no coarser than ``step``, that divides a register's reading, Wh; at least 1.

    Examples
    --------
    >>> coarsest_step(10_000.0, 5_009_660_000.0), coarsest_step(1000.0, 12_340.0)
    (10000.0, 10.0)
    """
    while step > 1 and round(reading) % step:
        step /= 10
    return step
