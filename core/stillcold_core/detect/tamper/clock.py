"""The clock of what reads a meter: set back or forward, against its own monotonic clock or against itself."""

import msgspec
import numpy as np
import numpy.typing as npt

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.samples import Floats, Samples

IN_ORDER, SET_BACK, LATE = 0, 1, 2
"""What a sample's time says: later than the last one; one of those that a clock set back gives; left aside."""
_SETTLES = 900.0  # s after a boot in which the clock may still be set by the network
_DRIFT = 5e-4  # by which a clock of quartz runs wrong at worst, while it is not being set
_LATE = 3  # samples in succession that must repeat a time that is over

Orders = npt.NDArray[np.int8]


class Clock(msgspec.Struct, frozen=True):
    """What the clock has shown.

    Attributes
    ----------
    time : float, optional
        s of the last sample in order.
    monotonic, offset : float, optional
        s of the monotonic clock at the last sample of any order, and the time minus it.
    interval : float
        s, usual, between samples.
    late : int
        Samples left aside because a later one had been judged.
    behind : int
        Those of them that go on from each other.
    behind_at : float
        s of the last of them.
    """

    time: float | None = None
    monotonic: float | None = None
    offset: float = 0.0
    interval: float = 0.0
    late: int = 0
    behind: int = 0
    behind_at: float = 0.0


def observe(watched: WatchedPoint, state: Clock, samples: Samples) -> tuple[Clock, Orders, list[tuple[int, Finding]]]:
    """The clock after the samples, the order of each, and what was found at which."""
    orders, findings = np.zeros(len(samples), np.int8), []
    i = 0
    while i < len(samples):
        i, state = _went_on(watched, state, samples, i)
        if i < len(samples):
            state, orders[i], said = _odd(watched, state, samples, i)
            findings += [(i, f) for f in said]
            i += 1
    return state, orders, findings


def _went_on(watched: WatchedPoint, state: Clock, samples: Samples, first: int) -> tuple[int, Clock]:
    """Over all samples that tell nothing."""
    if state.time is None:
        return first, state
    before = np.inf if state.monotonic is None else state.monotonic
    last, time, interval, monotonic, offset = _goes_on(
        samples.times, samples.monotonic, first, state.time, state.interval, before, state.offset, watched.rules.clock
    )
    if last == first:
        return first, state
    known = None if monotonic == np.inf else float(monotonic)
    return last, Clock(float(time), known, float(offset), float(interval), state.late)


@kernel
def _goes_on(
    times: Floats,
    clocks: Floats,
    first: int,
    time: float,
    interval: float,
    monotonic: float,
    offset: float,
    allowed: float,
) -> tuple[int, float, float, float, float]:
    i = first
    while i < len(times) and times[i] > time:
        now, clock = times[i], clocks[i]
        if clock > 0:
            if not clock >= monotonic:
                break
            off = now - clock - offset
            if not abs(off) <= allowed + _DRIFT * (clock - monotonic):
                break
            monotonic, offset = clock, now - clock
        seconds = now - time
        interval = seconds if interval == 0 else interval + (min(seconds, 3 * interval) - interval) / 4
        time = now
        i += 1
    return i, time, interval, monotonic, offset


def _odd(watched: WatchedPoint, state: Clock, samples: Samples, i: int) -> tuple[Clock, int, list[Finding]]:
    """A sample that is the first one, or does not go on from the last one."""
    time, monotonic = float(samples.times[i]), float(samples.monotonic[i])
    if monotonic > 0:
        state, findings = _against_monotonic(watched, state, samples.point, time, monotonic)
        state, in_order, _ = _against_itself(watched, state, samples.point, time)
    else:
        state, in_order, findings = _against_itself(watched, state, samples.point, time)
    order = IN_ORDER if in_order else SET_BACK if state.behind >= _LATE else LATE
    return state, order, findings


def _against_monotonic(
    watched: WatchedPoint, state: Clock, point: str, time: float, monotonic: float
) -> tuple[Clock, list[Finding]]:
    """Within one boot both clocks go alike, but for drift; a monotonic clock that falls is a new boot."""
    offset, before = time - monotonic, state.monotonic
    after = msgspec.structs.replace(state, monotonic=monotonic, offset=offset)
    if before is None or monotonic < before:
        return after, []
    off = offset - state.offset
    allowed = watched.rules.clock + _DRIFT * (monotonic - before)
    if abs(off) <= allowed or (off > 0 and before < _SETTLES):
        return after, []
    began = time if state.time is None else min(state.time, time)
    return after, [_set(watched, point, time, began, off)]


def _against_itself(watched: WatchedPoint, state: Clock, point: str, time: float) -> tuple[Clock, bool, list[Finding]]:
    """Without a monotonic clock only a clock set back tells: samples in order, over a time that is over."""
    if state.time is None:
        return msgspec.structs.replace(state, time=time), True, []
    if time > state.time:
        return msgspec.structs.replace(state, time=time, interval=_usual(state, time), behind=0), True, []
    goes_on = state.behind and 0.5 * state.interval <= time - state.behind_at <= 2 * state.interval
    behind = state.behind + 1 if goes_on else 1
    after = msgspec.structs.replace(state, late=state.late + 1, behind=behind, behind_at=time)
    off = time - state.time - _LATE * state.interval
    if behind != _LATE or -off < watched.rules.clock:
        return after, False, []
    return after, False, [_set(watched, point, time, state.time, off)]


def _usual(state: Clock, time: float) -> float:
    seconds = time - (state.time or 0.0)
    if not state.interval:
        return seconds
    return state.interval + (min(seconds, 3 * state.interval) - state.interval) / 4


def _set(watched: WatchedPoint, point: str, time: float, began: float, off: float) -> Finding:
    """Dated by the clock as it went before."""
    way = "back" if off < 0 else "forward"
    reason = f"clock was set {way} by {abs(off):.0f} s, after {iso(began)}"
    said = found(watched, point, time, "clock", began, reason, {"seconds": off}, severity="warning")
    return msgspec.structs.replace(said, detected=max(began, time - off))
