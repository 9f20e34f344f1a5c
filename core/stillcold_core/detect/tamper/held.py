"""A condition that must hold for some samples and for some time before it is believed."""

from typing import Literal

import msgspec

Change = Literal["raised", "ended"] | None


class Held(msgspec.Struct, frozen=True):
    """How long a condition has held.

    Attributes
    ----------
    since : float, optional
        s of the first sample that showed it.
    count : int
        Samples in succession that did.
    raised : bool
        Whether it was believed.
    clear : float, optional
        s of the first sample without it, while it is raised.
    clears : int
        Samples in succession without it, while it is raised.
    """

    since: float | None = None
    count: int = 0
    raised: bool = False
    clear: float | None = None
    clears: int = 0


_IDLE = Held()


def hold(state: Held, time: float, shown: bool, *, samples: int, seconds: float, rest: float) -> tuple[Held, Change]:
    """One more sample.

    It is raised by the sample that is at least the ``samples``-th in succession and ``seconds`` after the first. It
    ends with the one that is at least the ``samples``-th without it in succession and ``rest`` seconds after the first.

    Examples
    --------
    >>> state, change = Held(), None
    >>> for t in (0.0, 60.0, 120.0):
    ...     state, change = hold(state, t, True, samples=3, seconds=90, rest=90)
    >>> change, state.since
    ('raised', 0.0)
    """
    if not state.raised:
        return _gather(state, time, shown, samples, seconds)
    if shown:
        return (state if state.clear is None else Held(state.since, state.count, True)), None
    clear = time if state.clear is None else state.clear
    if state.clears + 1 >= samples and time - clear >= rest:
        return _IDLE, "ended"
    return Held(state.since, state.count, True, clear, state.clears + 1), None


def _gather(state: Held, time: float, shown: bool, samples: int, seconds: float) -> tuple[Held, Change]:
    if not shown:
        return (state if state.since is None else _IDLE), None
    since = time if state.since is None else state.since
    enough = state.count + 1 >= samples and time - since >= seconds
    return Held(since, state.count + 1, enough), "raised" if enough else None
