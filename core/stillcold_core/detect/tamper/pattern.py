"""Frozen and replayed values: exact repetition of the low digits of voltage and frequency.

Nothing in a live grid repeats to the last digit for long. How often a meter of coarse display does by chance is learned
from its own samples, so that each repetition has a probability.
"""

import math
import struct
import zlib
from collections.abc import Mapping

import msgspec

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.tamper.watched import VOLTAGE_QUANTITIES, WatchedPoint, found
from stillcold_core.readings import Sample

_QUANTITIES = (*VOLTAGE_QUANTITIES, "frequency")
_WORDS = 3  # prints in one remembered sequence
_KEPT = 64  # changes for which every sequence is remembered; half of them twice as long, and so on
_LEVELS = 12
_PRIOR = (2.5, 5.0)  # a meter that is not known yet repeats itself half of the time
_LEARNED = 10_000.0  # samples after which older ones begin to count half
_RUN = 30  # samples of one repetition that are learned from
_MOST = 4.0  # nats that one sample of a repeated sequence gives at most


class Pattern(msgspec.Struct, frozen=True):
    """What the meter's voltages and frequency have looked like.

    Attributes
    ----------
    width : int
        How many quantities are looked at.
    last : int, optional
        Print of the last sample.
    run : int
        Samples before it with the same print.
    since : float
        s of the first of them.
    frozen : bool
        Whether that run is believed to be no chance.
    same, seen : float
        Samples with the print of the one before, out of how many.
    back, changes : float
        Changes to the print of two changes before, out of how many.
    recent : tuple of int
        The last few prints that differed from the one before.
    index : int
        Changes so far.
    memory : mapping of int to int
        Index of each remembered sequence by its hash.
    lag : int
        Changes by which the sequence now shown lies behind the one that it repeats.
    evidence : float
        Nats in favour of a replay.
    matched : int
        Index of the last change that fits it.
    began : float
        s at which the repeated sequence was first found again.
    replayed : bool
        Whether it is believed to be no chance.
    """

    width: int = 0
    last: int | None = None
    run: int = 0
    since: float = 0.0
    frozen: bool = False
    same: float = 0.0
    seen: float = 0.0
    back: float = 0.0
    changes: float = 0.0
    recent: tuple[int, ...] = ()
    index: int = 0
    memory: Mapping[int, int] = {}
    lag: int = 0
    evidence: float = 0.0
    matched: int = 0
    began: float = 0.0
    replayed: bool = False


def observe(watched: WatchedPoint, state: Pattern, sample: Sample) -> tuple[Pattern, list[Finding]]:
    """One more sample; one without voltage, or with fewer values than usual, tells nothing."""
    numbers = sample.numbers(*_QUANTITIES)
    if len(numbers) < max(state.width, 1) or max(numbers) < 0.1 * watched.nominal_voltage:
        return state, []
    if len(numbers) > state.width:
        state = Pattern(width=len(numbers))
    now = zlib.crc32(struct.pack(f"<{len(numbers)}d", *numbers))
    if now == state.last:
        return _repeated(watched, state, sample)
    ended = [_frozen(watched, state, sample, ended=sample.time)] if state.frozen else []
    state, said = _changed(watched, state, sample, now)
    return state, ended + said


def _repeated(watched: WatchedPoint, state: Pattern, sample: Sample) -> tuple[Pattern, list[Finding]]:
    rules, run = watched.rules, state.run + 1
    long = run + 1 >= rules.frozen_samples and sample.time - state.since >= rules.frozen_seconds
    frozen = state.frozen or (long and run * -math.log(_chance(state.same, state.seen)) >= rules.surprise)
    after = msgspec.structs.replace(state, run=run, frozen=frozen)
    return after, [_frozen(watched, after, sample)] if frozen and not state.frozen else []


def _frozen(watched: WatchedPoint, state: Pattern, sample: Sample, ended: float | None = None) -> Finding:
    lasted = sample.time - state.since
    reason = f"voltages and frequency the same to the last digit for {state.run + 1} samples, {lasted:.0f} s"
    evidence = {"samples": state.run + 1.0, "seconds": lasted, "usual_share": _chance(state.same, state.seen)}
    return found(watched, sample, "frozen", state.since, reason, evidence, ended=ended)


def _changed(watched: WatchedPoint, state: Pattern, sample: Sample, now: int) -> tuple[Pattern, list[Finding]]:
    state = _learned(state, now, sample.time)
    if len(state.recent) < _WORDS:
        return state, []
    key = zlib.crc32(struct.pack(f"<{_WORDS}I", *state.recent[-_WORDS:]))
    before = state.memory.get(key)
    lag = 0 if before is None or state.index - before > _life(key) else state.index - before
    after, said = _compared(watched, state, sample, lag)
    return _remembered(after, key), said


def _learned(state: Pattern, now: int, time: float) -> Pattern:
    learned = 0 if state.frozen else min(state.run, _RUN)
    same, seen = state.same + learned, state.seen + learned + 1
    back = state.back + (len(state.recent) > 1 and state.recent[-2] == now)
    changes = state.changes + 1
    if seen > _LEARNED:
        same, seen, back, changes = same / 2, seen / 2, back / 2, changes / 2
    return msgspec.structs.replace(
        state, last=now, run=0, since=time, frozen=False, same=same, seen=seen, back=back, changes=changes,
        recent=(*state.recent, now)[-_WORDS:], index=state.index + 1,
    )  # fmt: skip


def _compared(watched: WatchedPoint, state: Pattern, sample: Sample, lag: int) -> tuple[Pattern, list[Finding]]:
    """Count what fits the sequence that is being repeated; ``lag`` is 0 where nothing remembered fits."""
    if not lag:
        if not state.evidence or state.index - state.matched <= _patience(state.lag):
            return state, []
        over = [_replay(watched, state, sample, ended=sample.time)] if state.replayed else []
        return msgspec.structs.replace(state, lag=0, evidence=0.0, replayed=False), over
    goes_on = lag == state.lag or state.replayed
    fresh = min(state.index - state.matched, _WORDS) if goes_on else _WORDS
    nats = min(-math.log(_chance(state.back, state.changes)), _MOST) * fresh
    evidence = (state.evidence if goes_on else 0.0) + nats
    replayed = state.replayed or evidence >= watched.rules.replay_surprise
    after = msgspec.structs.replace(
        state, lag=lag, evidence=evidence, matched=state.index, replayed=replayed,
        began=state.began if goes_on else sample.time,
    )  # fmt: skip
    return after, [_replay(watched, after, sample)] if replayed and not state.replayed else []


def _replay(watched: WatchedPoint, state: Pattern, sample: Sample, ended: float | None = None) -> Finding:
    reason = f"voltages and frequency repeat what was shown {state.lag} changes before, since {iso(state.began)}"
    evidence = {"lag": float(state.lag), "evidence": state.evidence, "seconds": sample.time - state.began}
    return found(watched, sample, "replay", state.began, reason, evidence, ended=ended)


def _remembered(state: Pattern, key: int) -> Pattern:
    memory = {**state.memory, key: state.index}
    if state.index % _KEPT == 0:
        memory = {k: i for k, i in memory.items() if state.index - i <= _life(k)}
    return msgspec.structs.replace(state, memory=memory)


def _life(key: int) -> int:
    """Changes for which a sequence is remembered: one of two for 64, one of four for 128, and so on."""
    return _KEPT << min((key & -key).bit_length() - 1 if key else _LEVELS, _LEVELS)


def _patience(lag: int) -> int:
    """Changes within which a replay must fit again: remembered sequences lie about ``lag / 64`` apart."""
    return 32 + 8 * lag // _KEPT


def _chance(hits: float, tries: float) -> float:
    """Probability of a hit, as learned from so many tries."""
    return (hits + _PRIOR[0]) / (tries + _PRIOR[1])
