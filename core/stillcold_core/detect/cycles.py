"""Heats in a feeder's mean power alone: plateaus of one height with taps in between, looked for from now backwards."""

from collections.abc import Iterator, Sequence
from math import hypot
from typing import NamedTuple

MINUTE = 60.0
_FULL, _DEEP, _OTHER = 0.9, 0.8, 1.25  # shares of the plateau: at work, a tap, something else than this furnace
_TAP, _PAUSE = 4 * MINUTE, 50 * MINUTE  # full power that is missing in a tap, at least, and in one before a first heat
_NEAR, _WIDE = 6000.0, 9000.0  # s back in which the plateau is looked for
_LEAST = 120e3  # W of a plateau


class Block(NamedTuple):
    """Mean power over 5 to 15 min.

    Attributes
    ----------
    time, length : float
        s, its end and how long it is.
    power : float
        W
    reactive : float, optional
        var, where the meter shows any.
    swing : float, optional
        W by which it changes from minute to minute, where it is gathered of such.
    """

    time: float
    length: float
    power: float
    reactive: float | None = None
    swing: float | None = None


class Cycle(NamedTuple):
    """One heat.

    Attributes
    ----------
    began, ended : float
        s
    power : float
        W of the plateau above the other loads.
    full : float
        s of the plateau's power that are in it.
    level : float
        Of its own plateau, share of the common one.
    ripple : float
        Median deviation within it, share of the plateau.
    pause : float
        s of the plateau's power that are missing before it.
    shares : tuple of float
        Of the common plateau, of its means at full power.
    factor : float, optional
        Its own power factor.
    swing : float, optional
        Share of the plateau by which it changes from minute to minute.
    ratio : None
        Nothing is known of its distortion.
    open : bool
        It is over.
    """

    began: float
    ended: float
    power: float
    full: float
    level: float
    ripple: float
    pause: float
    shares: tuple[float, ...]
    factor: float | None = None
    swing: float | None = None
    ratio: None = None
    open: bool = False

    @property
    def energy(self) -> float:
        """Wh above the other loads."""
        return self.power * self.full / 3600


class Cycles(NamedTuple):
    """Heats that end now, the newest first.

    Attributes
    ----------
    power : float
        W of the plateau above the other loads.
    heats : tuple of Cycle
        Newest first.
    """

    power: float
    heats: tuple[Cycle, ...]


class _Valley(NamedTuple):
    """Blocks below the plateau: the newest, the one before the oldest, s of full power missing, least share."""

    newest: int
    before: int
    missing: float
    least: float

    @property
    def tap(self) -> bool:
        return self.missing >= _TAP and self.least < _DEEP


def cycles(blocks: Sequence[Block], base: Sequence[float]) -> Cycles | None:
    """The heats of which the last has just ended; None where none has.

    Parameters
    ----------
    blocks : sequence of Block
        In order of time.
    base : sequence of float
        W of the other loads in each of them.
    """
    above = [b.power - floor for b, floor in zip(blocks, base, strict=True)]
    power = _plateau(blocks, above)
    if power < _LEAST:
        return None
    shares = [a / power for a in above]
    heats = tuple(_backwards(blocks, shares, power))
    return Cycles(power, heats) if heats else None


def _plateau(blocks: Sequence[Block], above: Sequence[float]) -> float:
    """W that the load takes at work, from what it took lately; 0 where it took too little."""
    now = blocks[-1].time
    near = sorted(a for a, b in zip(above, blocks, strict=True) if now - b.time < _NEAR)
    top = near[-2] if len(near) > 1 else 0.0
    at_work = (a for a, b in zip(above, blocks, strict=True) if now - b.time < _WIDE and 0.75 * top < a < 1.15 * top)
    held = sorted(at_work) if top >= _LEAST else []
    return held[len(held) // 2] if held else 0.0


def _backwards(blocks: Sequence[Block], shares: Sequence[float], power: float) -> Iterator[Cycle]:
    after = _valley(blocks, shares, len(shares) - 1)
    last = True
    while after.tap and after.before >= 0:
        run, before = _run(blocks, shares, after.before)
        if before is None or not run:
            return
        ends = _end(blocks, shares, after, last) + _beginning(blocks, shares, before)
        yield _cycle(blocks, shares, run, ends, before.missing, power)
        if before.missing > _PAUSE:
            return
        after, last = before, False


def _valley(blocks: Sequence[Block], shares: Sequence[float], newest: int) -> _Valley:
    i, missing, least = newest, 0.0, 1.0
    while i >= 0 and shares[i] < _FULL:
        missing += (1 - shares[i]) * blocks[i].length
        least = min(least, shares[i])
        i -= 1
    return _Valley(newest, i, missing, least)


def _run(blocks: Sequence[Block], shares: Sequence[float], newest: int) -> tuple[list[int], _Valley | None]:
    """Blocks at work, the newest first, over dips that are too small for a tap; and the tap before them."""
    run, i = list[int](), newest
    while i >= 0 and shares[i] <= _OTHER:
        valley = _valley(blocks, shares, i)
        if valley.tap:
            return run, valley
        run += range(i, min(valley.before, i - 1), -1)
        i = min(valley.before, i - 1)
    return run, None


def _end(blocks: Sequence[Block], shares: Sequence[float], after: _Valley, last: bool) -> float:
    """s of full power in the block in which a heat ends; half of it is the next one's where the tap is in one block."""
    first = after.before + 1
    whole = last or after.newest != first
    return max(0.0, shares[first]) * blocks[first].length * (1.0 if whole else 0.5)


def _beginning(blocks: Sequence[Block], shares: Sequence[float], before: _Valley) -> float:
    whole = before.newest != before.before + 1
    return max(0.0, shares[before.newest]) * blocks[before.newest].length * (1.0 if whole else 0.5)


def _cycle(
    blocks: Sequence[Block], shares: Sequence[float], run: Sequence[int], ends: float, missing: float, power: float
) -> Cycle:
    level = _middle([shares[k] for k in run])
    return Cycle(
        began=blocks[run[-1]].time - blocks[run[-1]].length,
        ended=blocks[run[0]].time,
        power=power,
        full=sum(min(shares[k], 1.1) * blocks[k].length for k in run) + ends,
        level=level,
        ripple=_middle([abs(shares[k] - level) for k in run]),
        pause=missing,
        shares=tuple(shares[k] for k in run),
        factor=_factor(blocks, run),
        swing=_swing(blocks, run, power),
    )


def _factor(blocks: Sequence[Block], run: Sequence[int]) -> float | None:
    """Power factor of what comes on top of the least nearby: a mean that holds a part of both lies between them."""
    low = min(_about(blocks, run), key=lambda b: b.power)
    reactive = [q for k in run if (q := blocks[k].reactive) is not None]
    if low.reactive is None or len(reactive) < len(run):
        return None
    active = sum(blocks[k].power for k in run) / len(run) - low.power
    return active / hypot(active, sum(reactive) / len(run) - low.reactive) if active > 0 else None


def _swing(blocks: Sequence[Block], run: Sequence[int], power: float) -> float | None:
    held, about = (
        [b.swing for b in part if b.swing is not None] for part in ([blocks[k] for k in run], _about(blocks, run))
    )
    return max(0.0, _middle(held) - min(about)) / power if len(held) == len(run) else None


def _about(blocks: Sequence[Block], run: Sequence[int]) -> Sequence[Block]:
    """A heat and what is around it."""
    return blocks[max(0, run[-1] - 3) : run[0] + 3]


def _middle(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2
