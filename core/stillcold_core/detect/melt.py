"""Melts in a signal of one feeder: it rises above its floor, stays on a plateau and falls back.

The signal is the power or the distortion of the whole feeder, so that everything is taken above the floor that the
other loads make.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from stillcold_core.detect.minutes import SLOW, Stretch, first_after

Signal = Literal["power", "distortion"]
_FLOOR_SPAN = 3600.0  # s over which the floor is looked for
SHORTEST = 1200.0
"""s; what rises for less is no melt of any furnace."""
_NINE_TENTHS = 0.9
_NEAR = 0.06  # share by which a plateau's stretches may deviate from it and still count as flat
GAP = 1200.0
"""s without a stretch that hide the end of a melt."""


@dataclass(frozen=True, slots=True)
class MeltRules:
    """What counts as a melt.

    Attributes
    ----------
    rise : float
        Of the signal above its floor, at least (W or VA).
    noise : float
        Multiple of the noise that the rise exceeds.
    fall : float
        Share of the plateau below which a melt is over.
    longest : float
        s; what stays longer is no melt, and the floor is looked for anew.
    """

    rise: float
    noise: float = 4.0
    fall: float = 0.5
    longest: float = 5 * 3600.0


class Melt(msgspec.Struct, frozen=True):
    """One melt, or as much of it as has been seen.

    Attributes
    ----------
    began, ended : float
        s
    energy : float
        Wh above the floor.
    power : float
        W above the floor on the plateau.
    ramp : float
        s from its beginning to nine tenths of the plateau.
    flat : float
        Share of the time after the ramp within 6 % of the plateau.
    ripple : float
        Median deviation from the plateau, share of it; of a few long stretches the second smallest.
    steps : int
        Steps up by which it rose.
    deep : float
        Share of the plateau that was lost at its end; 0 while it goes on.
    floor : float
        W before it.
    ratio : float, optional
        VA of distortion that a W of it brings.
    wander : float, optional
        Median change of the phases' unbalance from stretch to stretch, share of the power.
    """

    began: float
    ended: float
    energy: float
    power: float
    ramp: float
    flat: float
    ripple: float
    steps: int
    deep: float
    floor: float
    ratio: float | None
    wander: float | None

    @property
    def lasted(self) -> float:
        """s"""
        return self.ended - self.began

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.deep == 0


class Melting(msgspec.Struct, frozen=True):
    """Where the segmentation stands.

    Attributes
    ----------
    since : float
        s from which on the floor is looked for.
    began : float, optional
        s of the beginning of the open melt.
    floor : float
        Of the signal below the open melt, or the last one.
    most : float
        Highest level of the open melt.
    noise : float
        Median change of the signal from stretch to stretch.
    """

    since: float = 0.0
    began: float | None = None
    floor: float = 0.0
    most: float = 0.0
    noise: float = 0.0


class Followed(NamedTuple):
    """What one more stretch did.

    Attributes
    ----------
    state : Melting
        After it.
    melt : Melt, optional
        The one that it ended.
    """

    state: Melting
    melt: Melt | None = None


def value(stretch: Stretch, signal: Signal) -> float | None:
    """The signal of a stretch."""
    return stretch.power if signal == "power" else stretch.distortion


def follow(state: Melting, stretches: Sequence[Stretch], rules: MeltRules) -> Followed:
    """Go on, in the power, by the last of ``stretches``, which reach back to before the open melt."""
    now = stretches[-1]
    state = noise_of(state, stretches, "power", now.power)
    if state.began is None:
        return Followed(beginning(state, stretches, "power", rules))
    if now.length > GAP:
        return Followed(closed(state, now.time - now.length))
    if now.time - state.began > rules.longest:
        return Followed(closed(state, now.time), measured(state, stretches, ended=now.time))
    return _look_for_end(state, stretches, rules)


def measured(state: Melting, stretches: Sequence[Stretch], *, ended: float) -> Melt | None:
    """The open melt up to ``ended``; None where it is too short to be one."""
    began, base = state.began or 0.0, state.floor
    if ended - began < SHORTEST:
        return None
    run = [s for s in _after(stretches, began) if s.time <= ended + 1e-3]
    levels = [s.power - base for s in run]
    peak = fifth(levels)
    if peak <= 0:
        return None
    top = next(i for i, level in enumerate(levels) if level >= _NINE_TENTHS * peak)
    first = first_after(stretches, began + 1e-3)
    rest = stretches[max(0, first - 5) : first]
    # The last of a few long stretches holds a part of the tap.
    held = slice(top, -1 if run[-1].length >= SLOW and top < len(run) - 2 else None)
    off = _deviations(levels[held], peak)
    power = peak if run[-1].length >= SLOW else (median(s.power for s in run[held]) or 0.0) - base
    return Melt(
        began=began,
        ended=ended,
        energy=sum(max(0.0, s.power - base) * s.length for s in run) / 3600 + _beside(stretches, first, ended, base),
        power=power,
        ramp=run[top].time - run[top].length - began,
        flat=sum(v < _NEAR for v in off) / len(off),
        ripple=_middle(off) if run[-1].length < SLOW else off[min(1, len(off) - 1)],
        steps=sum(b - a > _NEAR * peak for a, b in pairwise([0.0, *levels[: top + 1]])),
        floor=base,
        deep=_lost(stretches, ended, base, peak),
        ratio=_ratio(run[top:], rest, power),
        wander=_wander(run[top:], power),
    )


def fifth(levels: Iterable[float]) -> float:
    """What a fifth of the levels exceed."""
    ordered = sorted(levels)
    return ordered[int(0.8 * len(ordered))] if ordered else 0.0


def _deviations(levels: Sequence[float], plateau: float) -> list[float]:
    """In order of size, share of the plateau."""
    return sorted(abs(level / plateau - 1) if plateau else 1.0 for level in levels)


def _middle(ordered: Sequence[float]) -> float:
    return ordered[len(ordered) // 2]


def beginning(state: Melting, stretches: Sequence[Stretch], signal: Signal, rules: MeltRules) -> Melting:
    """Begin where the last of ``stretches`` stands out above the floor, if it does."""
    now = stretches[-1]
    since = max(state.since, now.time - max(_FLOOR_SPAN, 4.5 * now.length))
    over = max(rules.rise, rules.noise * state.noise)
    window = _after(stretches, since)
    levels = _values(window, signal)
    last = sorted(_values(stretches[-_width(now) :], signal))
    level = last[len(last) // 2]
    if not levels or (level <= min(levels) + over and now.length < SLOW):
        return state
    floor = sorted(levels)[len(levels) // 10]
    if now.length >= SLOW and now.time - state.since < _FLOOR_SPAN:
        floor = min(floor, state.floor)  # the tap is shorter than a stretch, so that no stretch shows the floor
    if level <= floor + over:
        return state
    began = now.time - now.length
    for s in reversed(window):
        if (value(s, signal) or 0.0) <= floor + over / 2:
            break
        began = s.time - s.length
    return msgspec.structs.replace(state, began=began, floor=floor, most=max(levels))


def _look_for_end(state: Melting, stretches: Sequence[Stretch], rules: MeltRules) -> Followed:
    now, level = stretches[-1], stretches[-1].power
    # A mean of many minutes holds a part of the plateau beside the tap.
    fall = rules.fall if now.length < SLOW else 1 - 0.56 * rules.fall
    if level >= state.floor + fall * (state.most - state.floor):
        return Followed(state if level <= state.most else msgspec.structs.replace(state, most=level))
    run = _after(stretches, state.began or 0.0)
    width = _width(now)
    if len(run) <= width:
        return Followed(state)
    peak = fifth(s.power for s in run) - state.floor
    limit = state.floor + min(fall * peak, peak - rules.noise * state.noise / 2)
    if any(s.power >= limit for s in run[-width:]):
        return Followed(state)
    ended = run[-width].time - run[-width].length
    return Followed(closed(state, ended), measured(state, stretches, ended=ended))


def closed(state: Melting, since: float) -> Melting:
    """After a melt: its floor and noise are what is known."""
    return Melting(since=since, floor=state.floor, noise=state.noise)


def _width(stretch: Stretch) -> int:
    """Stretches that must agree."""
    return 1 if stretch.length >= SLOW else 3


def noise_of(state: Melting, stretches: Sequence[Stretch], signal: Signal, level: float) -> Melting:
    """Learn by how much the signal changes from stretch to stretch."""
    before = value(stretches[-2], signal) if len(stretches) > 1 else None
    if before is None:
        return state
    change = abs(level - before)
    # Towards the median, so that a single jump of any size moves it by a fifth at most.
    factor = 0.95 if change <= state.noise else 1.05 if change <= 3 * state.noise else 1.2
    if stretches[-1].length >= SLOW and change <= state.noise / 4:
        factor = 0.7  # a quiet night is told from a busy day within an hour
    return msgspec.structs.replace(state, noise=max(1.0, 1e-3 * abs(level), factor * state.noise))


def _lost(stretches: Sequence[Stretch], ended: float, floor: float, peak: float) -> float:
    after = [s.power - floor for s in _after(stretches, ended + 1e-3)]
    return 1 - min(after) / peak if after else 0.0


def _ratio(top: Sequence[Stretch], rest: Sequence[Stretch], power: float) -> float | None:
    above, before = median(s.distortion for s in top), median(s.distortion for s in rest)
    return (above - before) / power if above is not None and before is not None and power > 0 else None


def _wander(top: Sequence[Stretch], power: float) -> float | None:
    shown = [s.unbalance for s in top if s.unbalance is not None]
    change = median(abs(b - a) for a, b in pairwise(shown))
    return change / power if change is not None and power > 0 else None


def _beside(stretches: Sequence[Stretch], first: int, ended: float, base: float) -> float:
    """Wh of a melt in the stretches beside it, where those are long: half of what is in them."""
    last = first_after(stretches, ended + 1e-3)
    beside = [*stretches[max(0, first - 1) : first], *stretches[last : last + 1]]
    return sum(max(0.0, s.power - base) * s.length / 2 for s in beside if s.length >= SLOW) / 3600


def _after(stretches: Sequence[Stretch], time: float) -> Sequence[Stretch]:
    return stretches[first_after(stretches, time) :]


def _values(stretches: Iterable[Stretch], signal: Signal) -> list[float]:
    if signal == "power":
        return [s.power for s in stretches]
    return [s.distortion for s in stretches if s.distortion is not None]


def median(values: Iterable[float | None]) -> float | None:
    """The middle one of those that are known."""
    known = sorted(v for v in values if v is not None)
    return known[len(known) // 2] if known else None
