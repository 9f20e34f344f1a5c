"""Hidden furnaces where the meter shows power alone: heats in its mean power, against what the feeder usually takes."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from stillcold_core.detect import habit
from stillcold_core.detect.cycles import Block, Cycle, Cycles, cycles
from stillcold_core.detect.evidence import Weighed
from stillcold_core.detect.habit import Habit
from stillcold_core.detect.hours import UNKNOWN, Hours, at, learned, unlearned
from stillcold_core.detect.minutes import Stretch
from stillcold_core.detect.spectrum import Seen
from stillcold_core.detect.weigh_power import Past, row, shape, weigh
from stillcold_core.readings import Sample

Register = tuple[float, float]

_LENGTH = 300.0  # s of a block that is gathered of shorter stretches
_ALONE = 240.0  # s of a stretch that is a block of its own
_SPAN = 12 * 3600.0  # s of blocks kept
_GAP = 3600.0  # s without power shown after which heats are not counted on
_SCREEN, _JUST = 24e3, 3600.0  # W that the power has fallen by, within so many s, where a heat may be over
_WINDOW = 9000.0  # s back in which the other loads' least is looked for; twice and four times as far too
_KNOWN = 2.2 * 86400.0  # s of watching from which on the hours are known
_SUSPECT = 2.0  # below the threshold by so much, and heats do not teach what is usual
_CYCLIC = 5.0  # weight of what heats look like from which on such cycles are known


class Part(msgspec.Struct, frozen=True):
    """A block that is not whole yet.

    Attributes
    ----------
    energy, length : float
        Ws and s so far.
    reactive : float, optional
        vars; None where a stretch shows none.
    moves : tuple of float
        W by which the power has changed from stretch to stretch.
    last : float, optional
        W of the last one.
    """

    energy: float = 0.0
    length: float = 0.0
    reactive: float | None = 0.0
    moves: tuple[float, ...] = ()
    last: float | None = None


class PowerState(msgspec.Struct, frozen=True):
    """What is remembered of one feeder.

    Attributes
    ----------
    first : float, optional
        s of the first block.
    part : Part
        Of the block that comes next.
    blocks : tuple of Block
        Of the last hours.
    hours : tuple of 24 UsualHour
        UTC.
    habits : tuple of Habit
        What works in cycles here.
    """

    first: float | None = None
    part: Part = Part()
    blocks: tuple[Block, ...] = ()
    hours: Hours = UNKNOWN
    habits: tuple[Habit, ...] = ()


class Shown(NamedTuple):
    """Heats that have just ended, and how they weigh.

    Attributes
    ----------
    heats : tuple of Cycle
        In order of time.
    weighed : Weighed
        Of the last ones of them.
    """

    heats: tuple[Cycle, ...]
    weighed: Weighed


def follow(state: PowerState, stretch: Stretch, threshold: float) -> tuple[PowerState, Shown | None]:
    """Go on by a stretch.

    Parameters
    ----------
    state : PowerState
        Before it; not changed.
    stretch : Stretch
        Later than those before.
    threshold : float
        Score from which on heats are a furnace's.

    Returns
    -------
    state : PowerState
        After it.
    shown : Shown, optional
        Where two heats or more have just ended.
    """
    state, block = _gathered(state, stretch)
    if block is None:
        return state, None
    hours = learned(state.hours, block.time, block.length, block.power, block.power)
    state = msgspec.structs.replace(state, first=state.first or block.time, blocks=_kept(state, block), hours=hours)
    shown = _shown(state)
    return (state, None) if shown is None else (_taught(state, shown, threshold), shown)


def by_register(before: Register | None, sample: Sample) -> tuple[Seen | None, Register | None]:
    """What a meter tells that shows its energy register alone: the mean power since the last such sample.

    Parameters
    ----------
    before : pair of float, optional
        s and Wh of the last such sample.
    sample : Sample
        One without power.

    Returns
    -------
    seen : Seen, optional
        None where there is no register, or it tells of no power.
    register : pair of float, optional
        s and Wh of the last such sample now.
    """
    energy = sample.number("active_energy_import")
    if energy is None:
        return None, before
    now = (sample.time, energy)
    if before is None or energy < before[1] or sample.time - before[0] > _GAP:
        return None, now
    return Seen((energy - before[1]) * 3600 / (sample.time - before[0]), None, None, None), now


def _gathered(state: PowerState, stretch: Stretch) -> tuple[PowerState, Block | None]:
    if stretch.length >= _ALONE:
        return msgspec.structs.replace(state, part=Part()), Block(*stretch[:3], stretch.reactive)
    part = _longer(state.part, stretch)
    if part.length < _LENGTH - 0.5:
        return msgspec.structs.replace(state, part=part), None
    reactive = None if part.reactive is None else part.reactive / part.length
    # The middle one: what is charged for a minute is no swing.
    swing = sorted(part.moves)[len(part.moves) // 2] if part.moves else None
    block = Block(stretch.time, part.length, part.energy / part.length, reactive, swing)
    return msgspec.structs.replace(state, part=Part(last=part.last)), block


def _longer(part: Part, stretch: Stretch) -> Part:
    known_so_far, shown = part.reactive, stretch.reactive
    return Part(
        energy=part.energy + stretch.power * stretch.length,
        length=part.length + stretch.length,
        reactive=None if known_so_far is None or shown is None else known_so_far + shown * stretch.length,
        moves=part.moves if part.last is None else (*part.moves, abs(stretch.power - part.last)),
        last=stretch.power,
    )


def _kept(state: PowerState, block: Block) -> tuple[Block, ...]:
    if block.length > _GAP:
        return (block,)
    return (*state.blocks[bisect_left(state.blocks, block.time - _SPAN, key=_time) :], block)


def _taught(state: PowerState, shown: Shown, threshold: float) -> PowerState:
    """What may be a furnace vouches for none; what else works in such cycles does."""
    if shown.weighed.score >= threshold - _SUSPECT:
        state = msgspec.structs.replace(state, hours=unlearned(state.hours, _ends(shown.heats)))
        if _hours_known(state):
            return state
    if shape(shown.weighed) < _CYCLIC:
        return state
    habits = habit.learned(state.habits, *_size(shown.heats), state.blocks[-1].time)
    return msgspec.structs.replace(state, habits=habits)


def _size(heats: Sequence[Cycle]) -> tuple[float, float]:
    """W of the plateau, and mean s at full power."""
    return heats[-1].power, sum(h.full for h in heats) / len(heats)


def _ends(heats: Sequence[Cycle]) -> Iterator[float]:
    """s, in the first and in the last hour of each."""
    return (t for h in heats for t in (h.began + 1, h.ended))


def _hours_known(state: PowerState) -> bool:
    now = state.blocks[-1].time
    return now - (now if state.first is None else state.first) >= _KNOWN


def _shown(state: PowerState) -> Shown | None:
    now = state.blocks[-1]
    if not _may_be_over([b.power for b in state.blocks[bisect_left(state.blocks, now.time - _JUST + 1, key=_time) :]]):
        return None
    hours = _hours_known(state)
    weighed = [
        Shown(found.heats[::-1], weight)
        for base in _bases(state, hours)
        if (found := cycles(state.blocks, base)) is not None
        and (weight := weigh(found, _past(state, found, hours))) is not None
    ]
    return max(weighed, key=lambda s: s.weighed.score, default=None)


def _may_be_over(lately: Sequence[float]) -> bool:
    """Whether the power has just fallen by as much as a tap takes."""
    most, least = max(lately), min(lately)
    return len(lately) > 2 and most - lately[-1] >= max(_SCREEN, 0.1 * (most - least))


def _bases(state: PowerState, hours: bool) -> Iterator[list[float]]:
    """What the other loads may take: the least of some hours, or what is usual."""
    blocks, now, seen = state.blocks, state.blocks[-1].time, set[float]()
    for back in (_WINDOW, 2 * _WINDOW, 4 * _WINDOW):
        recent = sorted(b.power for b in blocks[bisect_left(blocks, now - back + 1, key=_time) :])
        least = recent[len(recent) // 20]
        if least not in seen:
            seen.add(least)
            yield [least] * len(blocks)
    if hours:
        yield [hour.usual for hour in at(state.hours, (b.time for b in blocks))]


def _past(state: PowerState, found: Cycles, hours: bool) -> Past:
    heats = row(found.heats)
    seen_before = habit.known(state.habits, *_size(heats), heats[-1].began)
    if not hours:
        return Past(seen_before)
    blocks = state.blocks
    powers = [blocks[bisect_left(blocks, h.ended, key=_time)].power for h in found.heats]
    unusual = [
        power / max(1.0, *(hour.most for hour in at(state.hours, _ends([h]))))
        for power, h in zip(powers, found.heats, strict=True)
    ]
    return Past(seen_before, unusual, powers[0] / max(1.0, *(h.most for h in state.hours)))


def _time(block: Block) -> float:
    return block.time
