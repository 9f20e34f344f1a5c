"""Heats of a converter on one feeder, by power and distortion together: rise, plateau with dips, hold, tap.

The distortion tells that a converter is at work, whatever else the feeder carries; the power tells how far it is turned
up. Both are taken above what they were before the heat.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from stillcold_core.detect.melt import GAP, SHORTEST, Melting, MeltRules, beginning, closed, fifth, median, noise_of
from stillcold_core.detect.minutes import SLOW, Stretch, first_after

_FALLEN = 0.5  # of the plateau's distortion, lost: the full power is over
_FALLEN_POWER, _FALLEN_BESIDE = 0.55, 0.2  # the same by power, where the distortion has fallen somewhat too
_TAPPED, _TAPPED_POWER, _NOTHING = 0.17, 0.12, 0.08  # of the plateau, left: it is tapped
_NEAR_TOP = 0.85  # of the highest distortion, above which nothing has fallen
_BACK = 0.65  # of the plateau, above which the full power is back
_DIP, _LONG_DIP = 270.0, 600.0  # s of a pause to nothing, and of one at part load, that still belong to a heat
_OVERTAKEN, _OTHER = 2.0, 600.0  # times what an open heat of so many s ever had, above which another load begins
_TAIL = 2700.0  # s after the full power in which the tap is waited for
_TAP = 110.0  # s without power that are a tap


class Heat(msgspec.Struct, frozen=True):
    """One heat, or as much of it as has been seen.

    Attributes
    ----------
    began, fell, ended : float
        s; the full power was over at ``fell``, the power at ``ended``.
    energy : float
        Wh above the base.
    power : float
        W above the base on the plateau.
    base, floor : float
        W and VA of distortion before it.
    ratio : float
        VA of distortion that a W of it brings, as the rise of the distortion.
    ratio_apart : float
        The same where it adds to the other loads' as a square.
    ramp : float
        s from its beginning to nine tenths of the plateau.
    flat : float
        Share of the time after the ramp within a tenth of the plateau's median.
    ripple : float
        Median change from stretch to stretch, share of the plateau.
    steps : int
        Steps up by which it rose.
    dips : int
        Short falls after which the power came back.
    hold : float
        s at part load after the full power.
    level : float
        Share of the plateau that was held then.
    deep : float
        Share of the plateau that was lost at its end, or since its full power was over; 0 before.
    open : bool
        Whether it goes on.
    factor : float, optional
        Power factor of it on the plateau.
    """

    began: float
    fell: float
    ended: float
    energy: float
    power: float
    base: float
    floor: float
    ratio: float
    ratio_apart: float
    ramp: float
    flat: float
    ripple: float
    steps: int
    dips: int
    hold: float
    level: float
    deep: float
    factor: float | None
    open: bool

    @property
    def lasted(self) -> float:
        """s"""
        return self.ended - self.began

    @property
    def told(self) -> bool:
        """Whether its full power is over, so that its length is known."""
        return not self.open or self.fell < self.ended


class Tracking(msgspec.Struct, frozen=True):
    """Where the segmentation stands.

    Attributes
    ----------
    melting : Melting
        Floor, noise and beginning of the distortion.
    fell : float, optional
        s at which the full power of the open heat was over.
    """

    melting: Melting = Melting()
    fell: float | None = None


class Tracked(NamedTuple):
    """What one more stretch did: the state after it, and the heat that it ended."""

    state: Tracking
    heat: Heat | None = None


class _Shape(NamedTuple):
    """The stretches of an open heat, and what it takes on its plateau above what was taken before."""

    before: Sequence[Stretch]
    run: Sequence[Stretch]
    base: float
    floor: float
    power: float
    peak: float

    def left(self, stretch: Stretch, of: Stretch) -> tuple[float, float]:
        """Shares of power and distortion that are left of what a stretch showed."""
        power = 1 - (of.power - stretch.power) / self.power
        return power, 1 - (_va(of) - _va(stretch)) / self.peak


def track(state: Tracking, stretches: Sequence[Stretch], rules: MeltRules) -> Tracked:
    """Go on by the last of ``stretches``, which reach back to before the open heat."""
    now = stretches[-1]
    if now.distortion is None:
        return Tracked(state)
    melting = noise_of(state.melting, stretches, "distortion", now.distortion)
    if melting.began is None:
        return Tracked(Tracking(_beginning(melting, stretches, rules)))
    state = _overtaken(msgspec.structs.replace(state, melting=melting), stretches)
    if now.length > GAP:
        return Tracked(_closed(state, now.time - now.length))
    if now.time - melting.began > rules.longest:
        return Tracked(_closed(state, now.time), measured(state, stretches, now.time))
    return _tail(state, stretches, rules) if state.fell is not None else _on_top(state, stretches, rules)


def _beginning(melting: Melting, stretches: Sequence[Stretch], rules: MeltRules) -> Melting:
    begun = beginning(melting, stretches, "distortion", rules)
    return begun if begun.began is None else msgspec.structs.replace(begun, most=_held_level(stretches))


def _held_level(stretches: Sequence[Stretch]) -> float:
    """What both of the last two stretches show: a spike is no plateau."""
    return min(_va(s) for s in stretches[-2:])


def _overtaken(state: Tracking, stretches: Sequence[Stretch]) -> Tracking:
    """Begin anew where more than twice as much comes at once as the open heat ever had: that was another load."""
    melting, level = state.melting, _held_level(stretches)
    since = stretches[-2].time - stretches[-2].length if len(stretches) > 1 else 0.0
    if level - melting.floor <= _OVERTAKEN * (melting.most - melting.floor) or since - (melting.began or 0.0) < _OTHER:
        return state
    before = median(_va(s) for s in stretches[-7:-2]) or 0.0
    return Tracking(msgspec.structs.replace(melting, began=since, floor=before, most=level))


def _on_top(state: Tracking, stretches: Sequence[Stretch], rules: MeltRules) -> Tracked:
    """On the plateau: most stretches need no closer look."""
    melting, level = state.melting, _va(stretches[-1])
    if level < melting.floor + _NEAR_TOP * (melting.most - melting.floor):
        return _fallen(anchored(state, stretches), stretches, rules)
    return Tracked(Tracking(msgspec.structs.replace(melting, most=max(melting.most, _held_level(stretches)))))


def _closed(state: Tracking, since: float) -> Tracking:
    return Tracking(closed(state.melting, since))


def anchored(state: Tracking, stretches: Sequence[Stretch]) -> Tracking:
    """Begin where the larger part of the rise came at once, if it did: what came before was another load."""
    melting = state.melting
    if state.fell is not None:
        return state
    first = first_after(stretches, (melting.began or 0.0) + 1e-3)
    levels = [_va(s) - melting.floor for s in stretches[first:]]
    half = fifth(levels) / 2
    i = next((i for i, level in enumerate(levels) if level >= half), 0) + first
    wide = 2 if stretches[-1].length >= SLOW else 3
    before, after = stretches[max(0, i - wide - 2) : max(0, i - 1)], stretches[i + 1 : i + 1 + wide]
    if i <= first or not before or len(after) < wide:
        return state
    low, high = median(_va(s) for s in before) or 0.0, median(_va(s) for s in after) or 0.0
    if high - low < 1.2 * half:
        return state
    at = i - 1 if _va(stretches[i - 1]) > low + 0.15 * (high - low) else i
    began = stretches[at].time - stretches[at].length
    return msgspec.structs.replace(state, melting=msgspec.structs.replace(melting, began=began, floor=low))


def _shape(state: Tracking, stretches: Sequence[Stretch]) -> _Shape | None:
    first = first_after(stretches, (state.melting.began or 0.0) + 1e-3)
    run = [s for s in stretches[first:] if s.distortion is not None]
    before = stretches[max(0, first - 5) : first] or run[:1]
    main = run if state.fell is None else [s for s in run if s.time <= state.fell + 1e-3] or run
    base, floor = median(s.power for s in before) or 0.0, median(_va(s) for s in before) or 0.0
    after = main[1 : 4 if main[-1].length >= SLOW else 9] or main
    power, peak = (median(s.power for s in after) or 0.0) - base, (median(_va(s) for s in after) or 0.0) - floor
    if peak < 0.6 * (highest := fifth([_va(s) for s in main]) - floor):  # it was turned up over more than minutes
        power, peak = fifth([s.power for s in main]) - base, highest
    return _Shape(before, run, base, floor, power, peak) if power > 0 and peak > 0 else None


def _reference(shape: _Shape, until: float) -> Stretch:
    """What the feeder took at full power, not long before."""
    main = [s for s in shape.run if s.time <= until + 1e-3][-10:] or shape.run[:1]
    power, distortion = median(s.power for s in main) or 0.0, median(_va(s) for s in main)
    return main[-1]._replace(power=power, distortion=distortion)


def _fallen(state: Tracking, stretches: Sequence[Stretch], rules: MeltRules) -> Tracked:
    """On the plateau: is the full power over?"""
    shape = _shape(state, stretches)
    if shape is None:
        below = all(_va(s) < state.melting.floor for s in stretches[-3:])
        return Tracked(_closed(state, stretches[-1].time) if below else state)
    # Three stretches that are low tell it, and two in which nothing is left.
    for width, over in ((1, _low),) if stretches[-1].length >= SLOW else ((2, _gone), (3, _low)):
        if len(shape.run) <= width:
            break
        fell = shape.run[-width].time - shape.run[-width].length
        reference = _reference(shape, fell)
        if all(over(*shape.left(s, reference)) for s in shape.run[-width:]):
            return _tail(msgspec.structs.replace(state, fell=fell), stretches, rules)
    return Tracked(state)


def _low(power: float, distortion: float) -> bool:
    return distortion < 1 - _FALLEN or (power < 1 - _FALLEN_POWER and distortion < 1 - _FALLEN_BESIDE)


def _gone(power: float, distortion: float) -> bool:
    return distortion < _TAPPED and power < _TAPPED_POWER


def _tail(state: Tracking, stretches: Sequence[Stretch], rules: MeltRules) -> Tracked:
    """After the full power: was it a dip, is it held, is it tapped?"""
    now, fell = stretches[-1], state.fell or 0.0
    shape = _shape(state, stretches)
    if shape is None:
        return Tracked(_closed(state, fell))
    since, quiet = now.time - fell, _quiet(state, shape, fell)
    power, distortion = shape.left(now, _reference(shape, fell))
    if power > _BACK and distortion > _BACK:
        if since < _DIP + now.length or (quiet is None and since < _LONG_DIP):
            return Tracked(msgspec.structs.replace(state, fell=None))
        return _restarted(state, stretches, rules, quiet if quiet is not None else now.time - now.length)
    if quiet is not None and (now.time - quiet >= _TAP or now.length >= SLOW):
        return Tracked(_closed(state, quiet), measured(state, stretches, quiet))
    if since > _TAIL:
        return Tracked(_closed(state, now.time), measured(state, stretches, now.time))
    return Tracked(state)


def _restarted(state: Tracking, stretches: Sequence[Stretch], rules: MeltRules, ended: float) -> Tracked:
    heat = measured(state, stretches, ended)
    melting = closed(state.melting, state.fell or ended)  # something was left when the full power was over
    return Tracked(Tracking(_beginning(melting, stretches, rules)), heat)


def _quiet(state: Tracking, shape: _Shape, fell: float) -> float | None:
    """s from which on nothing is left of it; None where something is."""
    begins, reference = None, _reference(shape, fell)
    noise = 2 * state.melting.noise / shape.peak
    for s in shape.run:
        if s.time <= fell + 1e-3:
            continue
        power, distortion = shape.left(s, reference)
        if distortion < max(_NOTHING, noise) or (distortion < max(_TAPPED, noise) and power < _TAPPED_POWER):
            begins = s.time - s.length if begins is None else begins
        elif distortion < _BACK:
            begins = None
    return begins


def measured(state: Tracking, stretches: Sequence[Stretch], ended: float, *, goes_on: bool = False) -> Heat | None:
    """The open heat up to ``ended``; None where it is too short to be one."""
    began = state.melting.began or 0.0
    fell = ended if state.fell is None else min(state.fell, ended)
    shape = _shape(state, stretches) if fell - began >= SHORTEST else None
    if shape is None:
        return None
    run, last = shape.run, first_after(shape.run, fell + 1e-3)
    powers = [(s.power - shape.base) / shape.power for s in run]
    distortions = [(_va(s) - shape.floor) / shape.peak for s in run]
    top = next((i for i, p in enumerate(powers[:last]) if p >= 0.85), 0)
    held = slice(top, max(last - 1, top + 1) if run[-1].length >= SLOW else max(last, top + 1))
    middle, heart = median(powers[held]) or 1.0, median(distortions[held]) or 1.0
    reference = _reference(shape, fell)
    left = [(s, *shape.left(s, reference)) for s in run if s.time > fell + 1e-3]
    hold, level = _held(left, ended)
    gone = [1 - d for s, _, d in left if s.time > ended + 1e-3] or [1 - d for _, _, d in left]
    return Heat(
        began=began, fell=fell, ended=ended,
        energy=sum(max(0.0, s.power - shape.base) * s.length for s in run if s.time <= ended + 1e-3) / 3600,
        power=shape.power, base=shape.base, floor=shape.floor,
        ratio=shape.peak / shape.power,
        ratio_apart=((shape.floor + shape.peak) ** 2 - shape.floor**2) ** 0.5 / shape.power,
        ramp=run[top].time - run[top].length - began,
        flat=max(_flat(powers[held], middle), _flat(distortions[held], heart)),
        ripple=min(_ripple(powers[held]), _ripple(distortions[held])),
        steps=sum(b - a > 0.06 for a, b in pairwise([0.0, *powers[: top + 1]])),
        dips=_dips(powers[held], distortions[held]),
        hold=hold, level=level,
        deep=max(gone, default=0.0) if state.fell is not None else 0.0,
        factor=_factor(run[held], shape), open=goes_on,
    )  # fmt: skip


def _flat(levels: Sequence[float], middle: float) -> float:
    return sum(abs(v / middle - 1) < 0.12 for v in levels) / len(levels) if middle else 0.0


def _ripple(levels: Sequence[float]) -> float:
    return median(abs(b - a) for a, b in pairwise(levels)) or 0.0


def _dips(powers: Sequence[float], distortions: Sequence[float]) -> int:
    """Falls of power and distortion together after which both came back within minutes."""
    dips, low = 0, 0
    for i, (power, distortion) in enumerate(zip(powers, distortions, strict=True)):
        near = slice(max(0, i - 6), i + 7)
        beside, around = median(powers[near]) or 0.0, median(distortions[near]) or 0.0
        below = power < beside - 0.12 and distortion < around - 0.05
        dips += 0 < low <= 4 and not below
        low = low + 1 if below else 0
    return dips


def _held(left: Sequence[tuple[Stretch, float, float]], ended: float) -> tuple[float, float]:
    """s at part load between the full power and the tap, and the share of the plateau then."""
    part = [(s.length, p) for s, p, d in left if s.time <= ended + 1e-3 and 0.06 <= p <= 0.55 and d > 0.03]
    return sum((length for length, _ in part), 0.0), median(p for _, p in part) or 0.0


def _factor(top: Sequence[Stretch], shape: _Shape) -> float | None:
    above, before = median(s.reactive for s in top), median(s.reactive for s in shape.before)
    if above is None or before is None:
        return None
    return shape.power / math.hypot(shape.power, above - before)


def _va(stretch: Stretch) -> float:
    return stretch.distortion or 0.0
