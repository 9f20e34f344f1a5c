"""A feeder's converters, by its distortion: runs that can be heats, and those that show what the feeder runs anyway."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stillcold_core.detect import switched, weigh
from stillcold_core.detect.evidence import DAY, MeltLimits, Weighed, together
from stillcold_core.detect.heat import Heat, Tracking, anchored, measured, track
from stillcold_core.detect.hours import UNKNOWN, Hours, Past, before, learned, moments, unlearned, working_today
from stillcold_core.detect.melt import MeltRules
from stillcold_core.detect.minutes import SLOW, Stretch
from stillcold_core.detect.switched import Judged, Switched
from stillcold_core.detect.weigh import Known

_HEATS = 24  # kept
_LOOKS = 300.0  # s between two looks at a heat that goes on
_SUSPECT = 4.0  # score of a heat from which on its hours teach nothing
_APART = 0.25  # of the power, by which heats of one furnace differ at most


class Converters(msgspec.Struct, frozen=True):
    """What the distortion has shown so far.

    Attributes
    ----------
    tracking : Tracking
        Where its segmentation stands.
    heats : tuple of Heat
        That may belong together.
    known : tuple of Known
        Converters that made no heats.
    looked : float
        s of the last look at the open heat.
    hours : tuple of 24 UsualHour
        What the feeder takes at each hour of the day; the most is of its distortion.
    switched : Switched
        Converters that were switched off at once.
    """

    tracking: Tracking = Tracking()
    heats: tuple[Heat, ...] = ()
    known: tuple[Known, ...] = ()
    looked: float = 0.0
    hours: Hours = UNKNOWN
    switched: Switched = Switched()


class Seen(NamedTuple):
    """What one more stretch told.

    Attributes
    ----------
    state : Converters
        After it.
    heats : tuple of Heat
        That are weighed; nothing where nothing is to be decided. The last one goes on if it has no end (``deep``).
    weighed : Weighed, optional
        For and against.
    """

    state: Converters
    heats: tuple[Heat, ...] = ()
    weighed: Weighed | None = None


def advance(state: Converters, stretches: Sequence[Stretch], limits: MeltLimits, noise: float, first: float) -> Seen:
    """Go on by the last of ``stretches``.

    Parameters
    ----------
    noise : float
        Multiple of the signal's noise that a heat stands out by.
    first : float
        s from which on the feeder has been watched.
    """
    state = msgspec.structs.replace(state, hours=_learned(state.hours, stretches))
    fallen = switched.advance(state.switched, stretches, limits, noise, state.hours, first, state.known)
    state = msgspec.structs.replace(state, switched=fallen.state)
    return _stronger(_by_shape(state, stretches, limits, noise, first), fallen)


def _stronger(shown: Seen, fallen: Judged) -> Seen:
    """What speaks more: the shape of a heat, or its end alone."""
    heat, weighed = fallen.heat, fallen.weighed
    if heat is None or weighed is None or (shown.weighed is not None and shown.weighed.score >= weighed.score):
        return shown
    hours = unlearned(shown.state.hours, moments(heat.began, heat.fell))
    return Seen(msgspec.structs.replace(shown.state, hours=hours), (heat,), weighed)


def _by_shape(state: Converters, stretches: Sequence[Stretch], limits: MeltLimits, noise: float, first: float) -> Seen:
    now = stretches[-1]
    tracking, heat = track(state.tracking, stretches, MeltRules(limits.power * limits.converter, noise))
    state = msgspec.structs.replace(state, tracking=tracking)
    if heat is not None:
        return _closed(state, heat, limits, first, now.length)
    if (
        tracking.melting.began is None
        or now.length >= SLOW
        or now.time - state.looked < (_LOOKS if tracking.fell is None else 1)
    ):
        return Seen(state)
    tracking = anchored(tracking, stretches)
    state = msgspec.structs.replace(state, tracking=tracking, looked=now.time)
    heat = measured(tracking, stretches, now.time, goes_on=True)
    if heat is None or not weigh.fits(heat, limits, slow=False):
        return Seen(state)
    return _weighed(state, heat, limits, first, now.length)


def _closed(state: Converters, heat: Heat, limits: MeltLimits, first: float, length: float) -> Seen:
    if not weigh.fits(heat, limits, length >= SLOW):
        if max(heat.ratio, heat.ratio_apart) < limits.converter:
            return Seen(state)
        return Seen(
            msgspec.structs.replace(state, known=weigh.remembered(state.known, heat, limits.memory, other=True))
        )
    told = _weighed(state, heat, limits, first, length)
    known = weigh.remembered(state.known, heat, limits.memory, other=False)
    heats = (*together(state.heats, heat, limits), heat)[-_HEATS:]
    hours = state.hours
    if told.weighed is not None and told.weighed.score >= _SUSPECT:
        hours = unlearned(hours, moments(heat.began, heat.fell))
    return told._replace(state=msgspec.structs.replace(state, heats=heats, known=known, hours=hours))


def _weighed(state: Converters, heat: Heat, limits: MeltLimits, first: float, length: float) -> Seen:
    heats = (*together(state.heats, heat, limits), heat)
    near = [i for i, h in enumerate(heats) if abs(h.power / heat.power - 1) <= _APART]
    between, heats = len(heats) - near[0] - len(near), tuple(heats[i] for i in near)
    past = _past(state, heats[-1], heats[0].began - first)
    return Seen(state, heats, weigh.weigh(heats, state.known, past, between=between, length=length))


def _learned(hours: Hours, stretches: Sequence[Stretch]) -> Hours:
    """With the distortion that held for three stretches, as a spike is no load."""
    now = stretches[-1]
    held = [s.distortion or 0.0 for s in stretches[-1 if now.length >= SLOW else -3 :]]
    return learned(hours, now.time, now.length, now.power, min(held))


def _past(state: Converters, heat: Heat, observed: float) -> Past:
    """What the feeder took before at the hours of a heat."""
    if observed < DAY:
        powers = [h.power for h in state.heats] + [k.power for k in state.known]
        first = max(powers, default=0.0) <= _APART * heat.power
        return Past(observed, working=working_today(state.hours, heat.began, heat.base, heat.power) if first else None)
    shown = heat.floor + heat.power * heat.ratio
    return before(state.hours, heat.began, heat.fell, observed, power=heat.power, shown=shown)
