"""A feeder's converters, by its distortion: runs that can be heats, and those that show what the feeder runs anyway."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stillcold_core.detect import weigh
from stillcold_core.detect.evidence import MeltLimits, Weighed, together
from stillcold_core.detect.heat import Heat, Tracking, anchored, measured, track
from stillcold_core.detect.melt import MeltRules
from stillcold_core.detect.minutes import SLOW, Stretch
from stillcold_core.detect.weigh import Known

_HEATS = 24  # kept
_LOOKS = 300.0  # s between two looks at a heat that goes on
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
    """

    tracking: Tracking = Tracking()
    heats: tuple[Heat, ...] = ()
    known: tuple[Known, ...] = ()
    looked: float = 0.0


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
    now = stretches[-1]
    tracking, heat = track(state.tracking, stretches, MeltRules(limits.power * limits.converter, noise))
    state = msgspec.structs.replace(state, tracking=tracking)
    if heat is not None:
        return _closed(state, heat, limits, first, slow=now.length >= SLOW)
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
    return _weighed(state, heat, limits, first, slow=False)


def _closed(state: Converters, heat: Heat, limits: MeltLimits, first: float, *, slow: bool) -> Seen:
    if not weigh.fits(heat, limits, slow):
        if max(heat.ratio, heat.ratio_apart) < limits.converter:
            return Seen(state)
        return Seen(
            msgspec.structs.replace(state, known=weigh.remembered(state.known, heat, limits.memory, other=True))
        )
    told = _weighed(state, heat, limits, first, slow=slow)
    known = weigh.remembered(state.known, heat, limits.memory, other=False)
    heats = (*together(state.heats, heat, limits), heat)[-_HEATS:]
    return told._replace(state=msgspec.structs.replace(state, heats=heats, known=known))


def _weighed(state: Converters, heat: Heat, limits: MeltLimits, first: float, *, slow: bool) -> Seen:
    heats = (*together(state.heats, heat, limits), heat)
    near = [i for i, h in enumerate(heats) if abs(h.power / heat.power - 1) <= _APART]
    between, heats = len(heats) - near[0] - len(near), tuple(heats[i] for i in near)
    weighed = weigh.weigh(heats, state.known, between=between, observed=heats[0].began - first, slow=slow)
    return Seen(state, heats, weighed)
