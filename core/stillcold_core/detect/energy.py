"""The energy register as a witness: a leaky bucket over its increments, which also counts across a gap."""

from collections.abc import Iterator

import msgspec

from stillcold_core.detect.deadline import DeadLineLimits

_COARSEST = 1e4  # Wh; registers of the field step by 1 Wh to 10 kWh
_DAY = 24.0  # h
_OVERLOAD = 10.0  # multiple of the rated power above which an increment is not believed at once


class EnergyWitness(msgspec.Struct, frozen=True):
    """What the register has shown.

    Attributes
    ----------
    reading, time : float, optional
        Wh and s of the last reading that was believed.
    step : float
        Wh; coarsest power of ten that divides every reading so far.
    level : float
        Wh in the bucket.
    began, anchor : float, optional
        s and Wh of the last reading before the bucket began to fill.
    total : float
        Wh that the register has advanced since then.
    grew : float, optional
        s of the last increment.
    active : bool
        Whether the level has passed the threshold and the register has not come to rest since.
    doubt : tuple of float, optional
        s and Wh of a reading that does not follow from the last one, until another one confirms it.
    """

    reading: float | None = None
    time: float | None = None
    step: float = _COARSEST
    level: float = 0.0
    began: float | None = None
    anchor: float | None = None
    total: float = 0.0
    grew: float | None = None
    active: bool = False
    doubt: tuple[float, float] | None = None


def observe(
    witness: EnergyWitness, time: float, reading: float, limits: DeadLineLimits, *, after_gap: bool
) -> EnergyWitness:
    """One more reading of the register.

    Energy flows into a bucket that leaks at the tolerated standby power; above ``limits.energy`` plus one step of the
    register the line has run. That is a one-sided CUSUM (Page 1954) of the mean power with the standby power as its
    reference value, and it needs no regular samples.

    Parameters
    ----------
    witness : EnergyWitness
        Before the reading.
    time, reading : float
        s and Wh.
    limits : DeadLineLimits
        Of the line.
    after_gap : bool
        Whether readings are missing before this one. Then it decides alone; otherwise the reading that passes the
        threshold needs another one that does not fall behind it.

    Notes
    -----
    Zero after anything else is no reading: meters that start up or are busy answer it. A reading that follows from the
    last one over a roll-over, at a power of ten (Wh) or at 2³² steps, counts on. Any other reading below the last one
    (a changed meter), or above it by more than ten times the rated power could give, is held in doubt until the next
    one: when that follows from the doubtful one, counting goes on from there; otherwise the doubtful one is forgotten.
    A jump upwards that is confirmed so, and that the line could have made within a day, counts: a meter that was frozen
    or whose readings were replayed shows one when it is set free.
    """
    if witness.reading is None or witness.time is None:
        return msgspec.structs.replace(witness, reading=reading, time=time, step=coarsest_step(witness.step, reading))
    if reading == 0 and witness.reading > 0:
        return witness
    last = (witness.time, witness.reading)
    for shown in (reading, *(reading + top for top in _tops(witness) if reading < witness.reading < top)):
        if _follows(witness, last, time, shown, limits):
            return _grow(witness, time, reading, limits, after_gap=after_gap, added=shown - witness.reading)
    if witness.doubt is not None and _follows(witness, witness.doubt, time, reading, limits):
        jump = reading - witness.reading
        if 0 < jump <= _DAY * limits.rated_power:
            return _grow(witness, time, reading, limits, after_gap=True, added=jump)
        kept = witness if witness.active else emptied(witness)
        return msgspec.structs.replace(kept, reading=reading, time=time, doubt=None)
    return msgspec.structs.replace(witness, doubt=(time, reading))


def threshold(witness: EnergyWitness, limits: DeadLineLimits) -> float:
    """Wh in the bucket above which the line has run."""
    return limits.energy + witness.step


def at_rest(witness: EnergyWitness, time: float, rest: float) -> bool:
    """Whether the register has stood still for ``rest`` seconds at ``time``."""
    return witness.grew is None or time - witness.grew >= rest


def emptied(witness: EnergyWitness) -> EnergyWitness:
    """The same witness with an empty bucket, for the next run of the line."""
    return msgspec.structs.replace(witness, level=0.0, began=None, anchor=None, total=0.0, grew=None, active=False)


def _follows(
    witness: EnergyWitness, last: tuple[float, float], time: float, reading: float, limits: DeadLineLimits
) -> bool:
    most = _OVERLOAD * limits.rated_power * (time - last[0]) / 3600 + limits.energy
    return 0 <= reading - last[1] <= max(most, 2 * witness.step)


def _tops(witness: EnergyWitness) -> Iterator[float]:
    """Readings at which registers of the field start again from 0, Wh."""
    yield from (10.0**n for n in range(6, 16))
    yield 2.0**32 * witness.step


def _grow(
    witness: EnergyWitness, time: float, reading: float, limits: DeadLineLimits, *, after_gap: bool, added: float
) -> EnergyWitness:
    leak = limits.standby * limits.rated_power * (time - (witness.time or time)) / 3600
    starts = witness.level == 0 and added > 0
    grown = msgspec.structs.replace(
        witness,
        reading=reading,
        time=time,
        step=coarsest_step(witness.step, reading),
        level=max(0.0, witness.level + added - leak),
        began=witness.time if starts else witness.began,
        anchor=witness.reading if starts else witness.anchor,
        total=added if starts else witness.total + added,
        grew=time if added > 0 else witness.grew,
        doubt=None,
    )
    limit = threshold(grown, limits)
    passed = grown.level > limit and (after_gap or witness.level > limit)
    return msgspec.structs.replace(grown, active=grown.active or passed)


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
