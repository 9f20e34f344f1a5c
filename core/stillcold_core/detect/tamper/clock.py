"""The clock of what reads a meter: set back or forward, against its own monotonic clock or against itself."""

import msgspec

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.readings import Sample

_SETTLES = 900.0  # s after a boot in which the clock may still be set by the network
_DRIFT = 5e-4  # by which a clock of quartz runs wrong at worst, while it is not being set
_LATE = 3  # samples in succession that must repeat a time that is over


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


def observe(watched: WatchedPoint, state: Clock, sample: Sample) -> tuple[Clock, bool, list[Finding]]:
    """One more sample.

    Returns
    -------
    state : Clock
    in_order : bool
        Whether the sample is later than the last one. One that is not is judged by nothing else.
    findings : list of Finding
    """
    if sample.monotonic > 0:
        state, findings = _against_monotonic(watched, state, sample)
        state, in_order, _ = _against_itself(watched, state, sample)
        return state, in_order, findings
    return _against_itself(watched, state, sample)


def set_back(state: Clock) -> bool:
    """Whether the last sample repeated a time that is over, as those before it did."""
    return state.behind >= _LATE


def _against_monotonic(watched: WatchedPoint, state: Clock, sample: Sample) -> tuple[Clock, list[Finding]]:
    """Within one boot both clocks go alike, but for drift; a monotonic clock that falls is a new boot."""
    offset, before = sample.time - sample.monotonic, state.monotonic
    after = msgspec.structs.replace(state, monotonic=sample.monotonic, offset=offset)
    if before is None or sample.monotonic < before:
        return after, []
    off = offset - state.offset
    allowed = watched.rules.clock + _DRIFT * (sample.monotonic - before)
    if abs(off) <= allowed or (off > 0 and before < _SETTLES):
        return after, []
    began = sample.time if state.time is None else min(state.time, sample.time)
    return after, [_set(watched, sample, began, off)]


def _against_itself(watched: WatchedPoint, state: Clock, sample: Sample) -> tuple[Clock, bool, list[Finding]]:
    """Without a monotonic clock only a clock set back tells: samples in order, over a time that is over."""
    time = sample.time
    if state.time is None:
        return msgspec.structs.replace(state, time=time), True, []
    if time > state.time:
        seconds = time - state.time
        interval = (
            seconds if not state.interval else state.interval + (min(seconds, 3 * state.interval) - state.interval) / 4
        )
        return msgspec.structs.replace(state, time=time, interval=interval, behind=0), True, []
    goes_on = state.behind and 0.5 * state.interval <= time - state.behind_at <= 2 * state.interval
    behind = state.behind + 1 if goes_on else 1
    after = msgspec.structs.replace(state, late=state.late + 1, behind=behind, behind_at=time)
    off = time - state.time - _LATE * state.interval
    if behind != _LATE or -off < watched.rules.clock:
        return after, False, []
    return after, False, [_set(watched, sample, state.time, off)]


def _set(watched: WatchedPoint, sample: Sample, began: float, off: float) -> Finding:
    """Dated by the clock as it went before."""
    way = "back" if off < 0 else "forward"
    reason = f"clock was set {way} by {abs(off):.0f} s, after {iso(began)}"
    said = found(watched, sample, "clock", began, reason, {"seconds": off}, severity="warning")
    return msgspec.structs.replace(said, detected=max(began, sample.time - off))
