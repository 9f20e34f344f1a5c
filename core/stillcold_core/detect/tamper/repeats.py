"""The inner loop over prints: which of them repeat the last one, and which a sequence that was shown before."""
# ruff: noqa: PLR0124 - what differs from itself is no number

import math

import numpy as np
import numpy.typing as npt

from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.tamper.prints import Prints
from stillcold_core.detect.tamper.table import Flags
from stillcold_core.samples import Floats

CHANGES = 8
"""Changes back to which a print is no surprise."""
LEVELS, SLOTS = 13, 64
"""Of the memory: sequences of level n are one of 2^(n+1), and are remembered for 64 · 2^n changes."""
_WORDS = 3  # prints in one remembered sequence
_PRIOR = (2.5, 5.0)  # a meter that is not known yet repeats itself half of the time
_LEARNED = 10_000.0  # samples after which older ones begin to count half
_RUN = 1000  # samples of one repetition that are learned from
_KNOWN = 8  # changes before which a standstill is no surprise: the meter may never show anything else
_LONGER = 4  # times the longest run so far that a run must last to be no chance
_BUSY, _BUSY_FOR = (
    0.5,
    1000.0,
)  # share of the usual load from which the load's noise is there too, and changes of memory
_MOST = 4.0  # nats that one sample of a repeated sequence gives at most
_TURNS = 4  # changes: a few prints that take turns repeat themselves so
_FLIPS = 0.15  # share of the changes that must turn round the way of a value: else what this meter shows has no noise
_BINS = 1024
SURPRISES = np.array([-math.log((k + 1) / _BINS) for k in range(_BINS)] + [0.0])
"""Nats by probability, in steps of 1/1024, rounded down."""
FROZEN, THAWED, REPLAYED, FRESH = 1, 2, 3, 4
"""What happened at a sample: a repetition, or the sequence it belongs to, is no chance any more, or is over."""

Scalars = tuple[
    int, int, float, float, bool, int, float, float, float, float, float, float, float, float, float, float, float, int,
    int, int, float, int, float, bool,
]  # fmt: skip
Limits = tuple[int, float, float, float, float]


def chance(hits: float, tries: float) -> float:
    """Probability of a hit, as learned from so many tries."""
    return (hits + _PRIOR[0]) / (tries + _PRIOR[1])


@kernel
def repeats(  # noqa: C901, PLR0912, PLR0915
    prints: Prints,
    grids: Floats,
    loads: Floats,
    powers: Floats,
    readings: Floats,
    usable: Flags,
    times: Floats,
    repeated: Flags,
    first: int,
    end: int,
    recent: Prints,
    keys: npt.NDArray[np.int32],
    marks: npt.NDArray[np.int32],
    surprises: Floats,
    limits: Limits,
    scalars: Scalars,
) -> tuple[int, int, int, Scalars]:
    """Go on to the first sample at which something happens.

    Returns
    -------
    event : int
        0 where nothing did.
    at, following : int
        The sample, and the one to go on with.
    scalars : tuple
        As in :class:`.pattern.Pattern`.
    """
    least, seconds, frozen_nats, replay_nats, stalled = limits
    (last, run, since, counted, frozen, longest, same, seen, back, changes, flips, still, busy, grid, rose,
     load, grew, hits, index, lag, evidence, matched, began, replayed) = scalars  # fmt: skip
    event, i = 0, first
    while i < end and event == 0:
        if not usable[i]:
            i += 1
            continue
        old = frozen or replayed
        if prints[i] == last:
            run += 1
            reading = readings[i]
            stands = counted >= 0 and reading == counted
            if run + 1 >= least // 2 and times[i] - since >= seconds and not frozen:
                expected = powers[i] * (times[i] - since) / 3600
                if stands and reading > 0 and expected >= stalled:
                    frozen = True
                elif run + 1 >= least and changes >= _KNOWN and run >= _LONGER * longest:
                    nats = surprises[int(_BINS * (still + 2.5) / (seen + 5.0))]
                    if load >= _BUSY * busy:
                        nats = surprises[int(_BINS * (same + 2.5) / (seen + 5.0))]
                    if run * nats >= frozen_nats and (stands or counted < 0 or reading != reading):
                        frozen = True
                if frozen:
                    event = FROZEN
        elif frozen:
            event, frozen = THAWED, False
            repeated[i] = True
            return (event, i, i,
                    (last, run, since, counted, frozen, longest, same, seen, back, changes, flips, still, busy,
                     grid, rose, load, grew, hits, index, lag, evidence, matched, began, replayed))  # fmt: skip
        else:
            longest = max(longest, run)
            learned = min(run, _RUN)
            same, seen = same + learned, seen + learned + 1
            hit = 0
            for k in range(CHANGES):
                if recent[k] == prints[i]:
                    hit = 1
            back, changes = back + hit, changes + 1.0
            hits = (hits << 1 | hit) & 7
            up, more = grids[i] - grid, abs(loads[i]) - load
            if up * rose < 0 or more * grew < 0:
                flips += 1.0
            still += learned + (up == 0)
            busy += (abs(loads[i]) - busy) / min(changes, _BUSY_FOR)
            grid, load = grids[i], abs(loads[i])
            rose, grew = up if up != 0 else rose, more if more != 0 else grew
            if seen > _LEARNED:
                same, seen, still = same / 2, seen / 2, still / 2
                back, changes, flips = back / 2, changes / 2, flips / 2
            last, run, since = prints[i], 0, times[i]
            counted = readings[i] if readings[i] == readings[i] else -1.0
            recent[index % CHANGES] = last
            index += 1
            if index >= _WORDS:
                b, c = recent[(index - 2) % CHANGES], recent[(index - 3) % CHANGES]
                key = last ^ (b >> 5) ^ ((b & 31) << 42) ^ (c >> 11) ^ ((c & 2047) << 36)
                level = 0
                while level < LEVELS - 1 and (key >> level) & 1 == 0:
                    level += 1
                slot = level * SLOTS + ((key >> 16) & (SLOTS - 1))
                short = (key >> 15) & 0x7FFFFFFF
                found = 0
                if marks[slot] > 0 and keys[slot] == short and index - marks[slot] <= SLOTS << level:
                    found = index - marks[slot]
                keys[slot], marks[slot] = short, index
                if found == 0:
                    if evidence > 0 and index - matched > 32 + 8 * lag // SLOTS:
                        if replayed:
                            event = FRESH
                        else:
                            lag, evidence = 0, 0.0
                else:
                    goes_on = found == lag or replayed
                    fresh = min(index - matched, _WORDS) if goes_on else _WORDS
                    nats = min(surprises[int(_BINS * (back + 2.5) / (changes + 5.0))], _MOST)
                    if not goes_on:
                        evidence, began = 0.0, times[i]
                    few = hits if found < _TURNS else 0  # two or three prints in turn are no wonder
                    evidence += nats * (fresh - (few & 1) - (fresh > 1) * (few >> 1 & 1) - (fresh > 2) * (few >> 2))
                    lag, matched = found, index
                    if not replayed and flips >= _FLIPS * changes and evidence >= replay_nats:
                        replayed, event = True, REPLAYED
        repeated[i] = repeated[i] or old or frozen or replayed
        i += 1
    return (event, i - 1, i,
            (last, run, since, counted, frozen, longest, same, seen, back, changes, flips, still, busy, grid, rose,
             load, grew, hits, index, lag, evidence, matched, began, replayed))  # fmt: skip
