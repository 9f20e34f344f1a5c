# ruff: noqa: PLR0124  # NaN is the number that is not itself
"""On-delay and off-delay of an alarm (ISA-18.2), driven by the times of samples."""

import math

import msgspec

from stillcold_core.detect.columns import Column
from stillcold_core.detect.kernels import kernel

JITTER = 0.25
"""s by which a reading may come early: readings a second apart are not 1.000 s apart, and 4.999 s are five of them."""
RAISED, ENDED = 1.0, 2.0
"""What a column of events says of a sample; 0 for nothing."""


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


@kernel
def dwell(
    times: Column,
    values: Column,
    high: Column,
    low: float,
    on_delay: float,
    off_delay: float,
    s: Column,
    event: Column,
    at: Column,
) -> int:
    """Run a :class:`Dwell` over samples.

    It is raised by the first sample that is over ``high`` at least ``on_delay`` seconds after another that was, with
    none at or below it since: one bad reading alone never raises. It ends likewise after ``off_delay`` seconds below
    ``low``. NaN changes nothing.

    Parameters
    ----------
    times, values, high : column, shape (n,)
        s, and what is compared.
    low : float
        Lower limit.
    on_delay, off_delay : float
        s
    s : column, shape (3,)
        The state; changed.
    event, at : column, shape (n,)
        Written: :data:`RAISED` and since when it has been over, :data:`ENDED` and since when it has been under.

    Returns
    -------
    int
        How many events there were.
    """
    pending, began, under = s[0], s[1], s[2]
    events = 0
    for i in range(len(times)):
        t, x = times[i], values[i]
        if x != x:  # absent
            continue
        if began != began:  # not raised
            if x <= high[i]:
                pending = math.nan
            elif pending != pending:  # the first one
                pending = t
            elif t - pending >= on_delay:
                began, pending = pending, math.nan
                event[i], at[i], events = 1.0, began, events + 1
        elif x >= low:
            under = math.nan
        elif under != under:  # the first one
            under = t
        elif t - under >= off_delay:
            event[i], at[i], events = 2.0, under, events + 1
            began, under = math.nan, math.nan
    s[0], s[1], s[2] = pending, began, under
    return events
