"""On-delay and off-delay of an alarm (ISA-18.2), driven by the times of samples."""

from typing import Literal

import msgspec

Change = Literal["raised", "ended"] | None
_JITTER = 0.25
"""s by which a reading may come early: readings a second apart are not 1.000 s apart, and 4.999 s are five of them."""
Level = Literal["over", "between", "under"] | None


class Dwell(msgspec.Struct, frozen=True):
    """One condition that must last before it is believed.

    Attributes
    ----------
    pending : float, optional
        Time of the first sample over the limit, while it is not raised yet.
    began : float, optional
        The same, once raised.
    under : float, optional
        Time of the first sample under the lower limit, while raised.
    """

    pending: float | None = None
    began: float | None = None
    under: float | None = None


def classify(value: float | None, high: float, low: float) -> Level:
    """Where a value lies against its limits; None where there is no value.

    Examples
    --------
    >>> classify(5.0, 10.0, 4.0), classify(None, 10.0, 4.0)
    ('between', None)
    """
    if value is None:
        return None
    return "over" if value > high else "under" if value < low else "between"


def dwell(state: Dwell, time: float, level: Level, *, on_delay: float, off_delay: float) -> tuple[Dwell, Change]:
    """One more sample.

    It is raised by the first sample that is over at least ``on_delay`` seconds after another that was, with none under
    or between since: one bad reading alone never raises. It ends likewise after ``off_delay`` seconds under.

    Parameters
    ----------
    state : Dwell
        Before the sample.
    time : float
        Of the sample, s.
    level : "over", "between", "under" or None
        None (no value) changes nothing.
    on_delay, off_delay : float
        s
    """
    if level is None:
        return state, None
    if state.began is None:
        return _waiting(state, time, level, on_delay)
    if level != "under":
        return Dwell(began=state.began), None
    under = time if state.under is None else state.under
    if time > under and time - under >= off_delay:
        return Dwell(), "ended"
    return Dwell(began=state.began, under=under), None


def _waiting(state: Dwell, time: float, level: Level, on_delay: float) -> tuple[Dwell, Change]:
    if level != "over":
        return Dwell(), None
    if state.pending is None:
        return Dwell(pending=time), None
    if time - state.pending >= on_delay - _JITTER:
        return Dwell(began=state.pending), "raised"
    return state, None
