"""The energy register set back, or another meter's: what follows from one reading to the next, and what cannot."""

from collections.abc import Iterator

import msgspec

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.identity import Identity
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.readings import Sample

_OVERLOAD = 10.0  # multiple of the rated power above which an advance is not believed
_ALLOWANCE = 20e3  # Wh that a register may advance at any time: two steps of the coarsest of the field
_LOST = 60.0  # s at rated power, and Wh at least, that a meter may lose when its supply fails
_LOST_LEAST = 1e3
_CONFIRM = (3, 900.0)  # readings and s: a wire that spoils registers does so for minutes
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
    """

    reading: float | None = None
    time: float = 0.0
    doubt: Doubt | None = None


def observe(
    watched: WatchedPoint, state: Register, identity: Identity, sample: Sample, *, repeated: bool
) -> tuple[Register, list[Finding]]:
    """One more sample; ``repeated`` says that the meter shows old values, so that its register stands still.

    Notes
    -----
    A reading that is lower than the last one, or higher than ten times the rated power could make it, is held in doubt
    until two more follow from it and a quarter of an hour has passed; a bad reading never does that. Then it is a
    roll-over at the register's modulus, a changed meter or a register that was set back.
    """
    reading, time = sample.number("active_energy_import"), sample.time
    if reading is None or (repeated and reading == state.reading):
        return state, []
    if state.reading is None or _follows(watched, state.time, state.reading, time, reading):
        return Register(reading, time), []
    doubt = state.doubt
    if doubt is None or not _follows(watched, doubt.last, doubt.reading, time, reading):
        return Register(state.reading, state.time, Doubt(reading, time, reading, time)), []
    doubt = Doubt(doubt.first, doubt.time, reading, time, doubt.count + 1)
    seconds = _CONFIRM_ZERO if reading == 0 else _CONFIRM[1]
    if doubt.count < _CONFIRM[0] or time - doubt.time < seconds:
        return Register(state.reading, state.time, doubt), []
    return Register(reading, time), _decided(watched, state, doubt, identity, sample)


def carried(state: Register, reading: float | None) -> Register:
    """The register as a meter shows it whose clock was set back; its time stays that of the last sample in order."""
    return state if reading is None or reading < (state.reading or 0.0) else Register(reading, state.time)


def _decided(watched: WatchedPoint, state: Register, doubt: Doubt, identity: Identity, sample: Sample) -> list[Finding]:
    before, first = state.reading or 0.0, doubt.first
    told = _swap_is_told(identity, state.time)
    if told or watched.was_reported(state.time, sample.time) or _rolled_over(watched, state, doubt, identity):
        return []
    evidence = {"active_energy_import": first, "from_reading": before, "change": first - before}
    if first < before:
        reason = f"energy register fell from {before / 1000:.2f} to {first / 1000:.2f} kWh"
        return [found(watched, sample, "rollback", state.time, reason, evidence)]
    reason = (
        f"energy register leapt from {before / 1000:.2f} to {first / 1000:.2f} kWh in {doubt.time - state.time:.0f} s, "
        f"which a line of {watched.rated_power / 1000:.0f} kW cannot take"
    )
    return [found(watched, sample, "meter_changed", state.time, reason, evidence)]


def _swap_is_told(identity: Identity, since: float) -> bool:
    """Whether the serial number says since then that another meter hangs there."""
    return "meter_serial" in identity.doubt or identity.swapped > since


def _follows(watched: WatchedPoint, time: float, reading: float, now: float, next_reading: float) -> bool:
    lost = max(_LOST * watched.rated_power / 3600, _LOST_LEAST)
    return -lost <= next_reading - reading <= _most(watched, now - time)


def _most(watched: WatchedPoint, seconds: float) -> float:
    """Wh that the register may advance in that time."""
    return _OVERLOAD * watched.rated_power * seconds / 3600 + _ALLOWANCE


def _rolled_over(watched: WatchedPoint, state: Register, doubt: Doubt, identity: Identity) -> bool:
    most = _most(watched, doubt.time - state.time)
    return any(0 <= doubt.first + m - (state.reading or 0.0) <= most for m in _moduli(watched, identity))


def _moduli(watched: WatchedPoint, identity: Identity) -> Iterator[float]:
    """Wh at which the register may begin again."""
    if watched.register_modulus is not None:
        yield watched.register_modulus
        return
    ratio = identity.known.get("ct_ratio", 1.0) * identity.known.get("pt_ratio", 1.0)
    for factor in {1.0, ratio}:
        yield from (factor * 10.0**n for n in range(6, 14))
        yield from (factor * 2.0**bits * step for bits in (31, 32) for step in (1, 10, 100, 1000))
