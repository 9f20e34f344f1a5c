# ruff: noqa: PLR0124  # NaN is the number that is not itself
"""Small loads, creep and bursts below the floor: what adds up above a noise that is learned while nothing runs."""

import math
from dataclasses import dataclass

import msgspec

from stillcold_core.detect.columns import Column
from stillcold_core.detect.kernels import kernel


@dataclass(frozen=True, slots=True)
class NoiseRules:
    """How the noise of a dead line is learned and what must add up above it.

    Shares are those of the rated power or of its current; the defaults are choices that the benchmark holds.

    Attributes
    ----------
    memory : float
        s over which noise is averaged; it follows the days' temperature.
    warm : float
        s of a dead line (and twelve samples at least) before anything adds up.
    baseline : float
        Largest mean that is taken for noise.
    drift : float
        How far the mean may go up from what it was when it was first known.
    spread_first, spread_least, spread_most : float
        Mean deviation: before it is known, and its bounds.
    coarse : float
        Largest step of a display that is allowed for.
    reference : float
        Mean deviations above the mean that never add up (1.25 of them are a standard deviation).
    threshold : float
        Mean deviations times the interval that must add up, beside the energy that is allowed to.
    guard : float
        Mean deviations above the mean that the floor keeps.
    guard_most : float
        Largest floor that noise may make.
    share : float
        Part of the threshold that one sample may add: one bad reading is none.
    longest : float
        s that one sample may stand for.
    """

    memory: float = 21600.0
    warm: float = 600.0
    baseline: float = 0.002
    drift: float = 0.002
    spread_first: float = 0.001
    spread_least: float = 0.0002
    spread_most: float = 0.003
    coarse: float = 0.002
    reference: float = 1.25
    threshold: float = 12.0
    guard: float = 8.0
    guard_most: float = 0.016
    share: float = 0.4
    longest: float = 1200.0


class Creep(msgspec.Struct, frozen=True):
    """What is known of one quantity's noise, and what has added up above it.

    Attributes
    ----------
    time : float, optional
        s of the last number.
    level : float
        What has added up, as a part of the threshold.
    began : float, optional
        s of the last number before it began to.
    total : float
        Quantity · s above the mean since then.
    fell : float, optional
        s of the first of the last numbers that took away from it.
    raised : float, optional
        s at which the threshold was passed; None while it is not.
    last : float, optional
        The last number.
    step : float
        Smallest step between two numbers that differ.
    mean_off, spread_off, learned_off, first_off : float
        Noise while the conductors were without voltage: mean, mean deviation, s over which it was learned, and its
        mean when it was first known.
    mean_on, spread_on, learned_on, first_on : float
        The same under voltage, with which noise changes.
    """

    time: float | None = None
    level: float = 0.0
    began: float | None = None
    total: float = 0.0
    fell: float | None = None
    raised: float | None = None
    last: float | None = None
    step: float = math.inf
    mean_off: float | None = None
    spread_off: float = 0.0
    learned_off: float = 0.0
    first_off: float = math.inf
    mean_on: float | None = None
    spread_on: float = 0.0
    learned_on: float = 0.0
    first_on: float = math.inf


Parameters = tuple[float, ...]


def parameters(rules: NoiseRules, *, rated: float, floor: float, baseline: float, budget: float) -> Parameters:
    """Of :func:`creep`, in the quantity's unit.

    Parameters
    ----------
    rules : NoiseRules
        As shares.
    rated, floor : float
        The quantity's at rated power, and its limit for a hard restart.
    baseline : float
        Largest mean that is taken for noise.
    budget : float
        Quantity · s that may add up whatever the noise.
    """
    return (
        floor, max(floor, rules.guard_most * rated), baseline, rules.drift * rated, rules.spread_first * rated,
        rules.spread_least * rated, rules.spread_most * rated, rules.coarse * rated, budget,
        rules.memory, rules.warm, rules.reference, rules.threshold, rules.guard, rules.share, rules.longest,
    )  # fmt: skip


@kernel
def creep(  # noqa: C901, PLR0912, PLR0915  # one loop, for the compiler
    times: Column,
    values: Column,
    powered: Column,
    allowed: Column,
    p: Parameters,
    s: Column,
    guard: Column,
    live: Column,
    event: Column,
    facts: Column,
) -> int:
    """Run a :class:`Creep` over samples: a one-sided CUSUM (Page 1954) above a learned noise.

    Each number x that is not over the floor adds ``(x - mean - allowed - reference · spread - step) · seconds``,
    divided by ``budget + threshold · spread · seconds``. At 1 the line is live, until all of it is gone again.
    Numbers over the floor add nothing: they are the dwell's. Mean and mean deviation are averages over ``memory`` of
    clipped numbers, and stand still while a quarter of the threshold has added up, so that they do not learn what they
    are to find.

    Parameters
    ----------
    times, values : column, shape (n,)
        s and the quantity.
    powered : column, shape (n,)
        1 under voltage, else 0: which noise.
    allowed : column, shape (n,)
        What is tolerated for any length of time above the noise.
    p : tuple
        Of :func:`parameters`.
    s : column, shape (16,)
        The state; changed.
    guard : column, shape (n,)
        Written: the floor, with this noise.
    live : column, shape (n,)
        Written: 1 while it is raised.
    event : column, shape (n,)
        Written: 1 where it was raised, 2 where it ended.
    facts : column, shape (3 n,)
        Written where something happened: began or ended, total, mean.

    Returns
    -------
    int
        How many events there were.
    """
    floor, floor_most, mean_most, drift, spread_first, spread_least, spread_most, coarse, budget = p[:9]
    memory, warm, reference, threshold, keep, share, longest = p[9:]
    time, level, began, total, fell, raised, last, step = s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
    events = 0
    for i in range(len(times)):
        k = 12 if powered[i] > 0 else 8
        mean, spread, learned, first = s[k], s[k + 1], s[k + 2], s[k + 3]
        noise = max(spread, spread_least)
        high = min(max(floor, mean + keep * noise), floor_most) if learned >= warm else floor
        x, t = values[i], times[i]
        if x <= high:
            seconds = min(t - time, longest) if time == time else 0.0
            if x != last and last == last:
                step = min(step, abs(x - last))
            last = x
            if learned >= max(warm, 12.0 * seconds):
                above = x - mean - allowed[i] - reference * noise - min(step, coarse)
                more = min(above * seconds / (budget + threshold * noise * seconds), share)
                if level <= 0.0 and more > 0.0:
                    began, total = time, 0.0
                level = min(max(level + more, 0.0), 1.5)
                total += (x - mean) * seconds
                if more >= 0.0:
                    fell = math.nan
                elif fell != fell:
                    fell = t
                if raised != raised and level >= 1.0:
                    raised = t
                    event[i], events = 1.0, events + 1
                    facts[3 * i], facts[3 * i + 1], facts[3 * i + 2] = began, total, mean
                elif raised == raised and level <= 0.0:
                    raised = math.nan
                    event[i], events = 2.0, events + 1
                    facts[3 * i], facts[3 * i + 1], facts[3 * i + 2] = fell, total, mean
            if level < 0.25:
                part = seconds / max(min(learned + seconds, memory), 1e-6)
                if mean != mean:
                    mean, spread = min(x, mean_most), spread_first
                else:
                    off = min(max(x - mean, -3.0 * noise), 3.0 * noise)
                    mean = min(mean + part * off, mean_most, first + drift)
                    spread = min(spread + part * (abs(off) - spread), spread_most)
                if learned < warm <= learned + seconds:
                    first = mean
                learned += seconds
                s[k], s[k + 1], s[k + 2], s[k + 3] = mean, spread, learned, first
        if x == x:
            time = t
        guard[i] = high
        live[i] = 1.0 if raised == raised else 0.0
    s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7] = time, level, began, total, fell, raised, last, step
    return events
