"""Frozen and replayed values: exact repetition of the low digits of what a meter shows.

Nothing in a live grid repeats to the last digit for long. How often a meter of coarse display does by chance is learned
from its own samples, so that each repetition has a probability.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.tamper.prints import Looks, looks
from stillcold_core.detect.tamper.repeats import (
    CHANGES,
    FRESH,
    FROZEN,
    LEVELS,
    SLOTS,
    SURPRISES,
    THAWED,
    Scalars,
    chance,
    repeats,
)  # fmt: skip
from stillcold_core.detect.tamper.table import Flags, Table
from stillcold_core.detect.tamper.watched import WatchedPoint, found

_EMPTY = bytes(4 * LEVELS * SLOTS)
_STALLED, _STALLED_HOURS = 30e3, 0.02  # Wh and h at rated power that a register must count while all else stands still


class Pattern(msgspec.Struct, frozen=True):
    """What the meter has looked like.

    Attributes
    ----------
    width : int
        How many voltages and frequencies are looked at.
    last : int
        Print of the last sample; -1 before the first one.
    run : int
        Samples before it with the same print.
    since, counted : float
        s and Wh of the first of them; -1 where the register was not read.
    frozen : bool
        Whether that run is believed to be no chance.
    longest : int
        The longest run that was believed to be chance.
    same, seen : float
        Samples with the print of the one before, out of how many.
    back, changes : float
        Changes to a print of the last few, out of how many.
    flips : float
        How many of the changes turned round the way of the grid's or the load's sum.
    still : float
        Samples with the grid's sum of the one before, out of ``seen``.
    busy : float
        Mean sum of what the load makes, at changes.
    grid, rose, load, grew : float
        Those sums at the last change, and how each changed last.
    hits : int
        Whether each of the last three changes was to a print of the last few, as bits.
    recent : tuple of int
        The last few prints that differed from the one before, the newest at ``index - 1`` modulo their number.
    index : int
        Changes so far.
    keys, marks : bytes
        Remembered sequences: 32-bit hashes, and the index of each.
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
    last: int = -1
    run: int = 0
    since: float = 0.0
    counted: float = -1.0
    frozen: bool = False
    longest: int = 0
    same: float = 0.0
    seen: float = 0.0
    back: float = 0.0
    changes: float = 0.0
    flips: float = 0.0
    still: float = 0.0
    busy: float = 0.0
    grid: float = 0.0
    rose: float = 0.0
    load: float = 0.0
    grew: float = 0.0
    hits: int = 0
    recent: tuple[int, ...] = (0,) * CHANGES
    index: int = 0
    keys: bytes = _EMPTY
    marks: bytes = _EMPTY
    lag: int = 0
    evidence: float = 0.0
    matched: int = 0
    began: float = 0.0
    replayed: bool = False


def observe(watched: WatchedPoint, state: Pattern, table: Table) -> tuple[Pattern, Flags, list[tuple[int, Finding]]]:
    """Judge a table's samples; one without voltage or load, or with fewer voltages than usual, tells nothing.

    Returns
    -------
    state : Pattern
    repeated : ndarray of bool, shape (n,)
        Whether a sample shows old values.
    findings : list of (int, Finding)
        With the sample that decided each.
    """
    seen = looks(watched, table)
    repeated = np.zeros(len(table.times), np.bool_)
    findings: list[tuple[int, Finding]] = []
    first = 0
    for wider in _widenings(state.width, seen, table.judged):
        state, said = _same_width(watched, state, table, seen, (first, wider), repeated)
        findings += said
        state, first = Pattern(width=int(seen.width[wider])), wider
    state, said = _same_width(watched, state, table, seen, (first, len(table.times)), repeated)
    return state, repeated, findings + said


def _widenings(width: int, seen: Looks, judged: Flags) -> list[int]:
    """Samples that show more voltages and frequencies than any before: what was learned of fewer does not hold."""
    shown = np.where(judged & seen.telling, seen.width, 0)
    if not len(shown) or shown.max() <= width:
        return []
    most = np.maximum.accumulate(np.concatenate(([width], shown)))
    return [int(i) for i in np.flatnonzero(np.diff(most))]


def _same_width(
    watched: WatchedPoint, state: Pattern, table: Table, seen: Looks, span: tuple[int, int], repeated: Flags
) -> tuple[Pattern, list[tuple[int, Finding]]]:
    first, end = span
    rules, register = watched.rules, table.row("active_energy_import")
    usable = table.judged & seen.telling & (seen.width >= state.width)
    recent, keys, marks = np.array(state.recent, np.int64), _numbers(state.keys), _numbers(state.marks)
    stalled = max(_STALLED, _STALLED_HOURS * watched.rated_power)
    limits = (rules.frozen_samples, rules.frozen_seconds, rules.surprise, rules.replay_surprise, stalled)
    findings: list[tuple[int, Finding]] = []
    event = FROZEN
    while event:
        event, at, first, scalars = repeats(
            seen.whole, seen.grid, seen.load, seen.power, register, usable, table.times, repeated, first, end,
            recent, keys, marks, SURPRISES, limits, _scalars(state),
        )  # fmt: skip
        state = _moved(state, scalars)
        if event:
            state, finding = _told(watched, state, table.point, float(table.times[at]), event)
            findings.append((at, finding))
    if first > span[0]:
        state = msgspec.structs.replace(
            state, recent=tuple(recent.tolist()), keys=keys.tobytes(), marks=marks.tobytes()
        )
    return state, findings


def _numbers(data: bytes) -> npt.NDArray[np.int32]:
    return np.frombuffer(data, np.int32).copy()


def _scalars(state: Pattern) -> Scalars:
    s = state
    return (
        s.last, s.run, s.since, s.counted, s.frozen, s.longest, s.same, s.seen, s.back, s.changes, s.flips, s.still,
        s.busy, s.grid, s.rose, s.load, s.grew, s.hits, s.index, s.lag, s.evidence, s.matched, s.began, s.replayed,
    )  # fmt: skip


def _moved(state: Pattern, scalars: Scalars) -> Pattern:
    """The same state with other scalars, as plain numbers: those of an array cannot be saved."""
    (last, run, since, counted, frozen, longest, same, seen, back, changes, flips, still,
     busy, grid, rose, load, grew, hits, index, lag, evidence, matched, began, replayed) = scalars  # fmt: skip
    return Pattern(
        state.width, int(last), int(run), float(since), float(counted), bool(frozen), int(longest), float(same),
        float(seen), float(back), float(changes), float(flips), float(still), float(busy), float(grid), float(rose),
        float(load), float(grew), int(hits), state.recent, int(index), state.keys, state.marks, int(lag),
        float(evidence), int(matched), float(began), bool(replayed),
    )  # fmt: skip


def _told(watched: WatchedPoint, state: Pattern, point: str, time: float, event: int) -> tuple[Pattern, Finding]:
    """What is said of an event; a replay that is over is forgotten by that."""
    ended = time if event in (THAWED, FRESH) else None
    if event in (FROZEN, THAWED):
        lasted, samples = time - state.since, state.run + 1
        reason = f"everything shown the same to the last digit for {samples} samples, {lasted:.0f} s"
        evidence = {"samples": float(samples), "seconds": lasted, "usual_share": chance(state.same, state.seen)}
        if event == THAWED:
            reason = f"values move again after {lasted:.0f} s"
        after = msgspec.structs.replace(state, run=0) if event == THAWED else state
        return after, found(watched, point, time, "frozen", state.since, reason, evidence, ended=ended)
    reason = f"the same to the last digit as {state.lag} changes before, since {iso(state.began)}"
    evidence = {"lag": float(state.lag), "evidence": state.evidence, "seconds": time - state.began}
    finding = found(watched, point, time, "replay", state.began, reason, evidence, ended=ended)
    if event == FRESH:
        state = msgspec.structs.replace(state, lag=0, evidence=0.0, replayed=False)
    return state, finding
