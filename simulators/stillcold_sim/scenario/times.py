"""Times of a scenario file."""

from typing import Annotated

import msgspec
from msgspec import Meta

from stillcold_core.registry import Id

Clock = Annotated[str, Meta(pattern=r"^\d+:[0-5]\d:[0-5]\d$")]
Seconds = Annotated[float, Meta(ge=0)] | Clock
At = Annotated[float, Meta(ge=0)] | Annotated[str, Meta(pattern=r"^@?\d+:[0-5]\d:[0-5]\d$")]
"""As :data:`Seconds`, or a local time of day: ``"@23:30:00"``."""


def seconds(value: float | str) -> float:
    """A time of a scenario file in seconds.

    Examples
    --------
    >>> seconds(90), seconds("1:30:00")
    (90.0, 5400.0)
    """
    if not isinstance(value, str):
        return float(value)
    hours, minutes, rest = (int(part) for part in value.split(":"))
    return float(3600 * hours + 60 * minutes + rest)


class Window(msgspec.Struct, frozen=True, kw_only=True, rename={"lasts": "for"}):
    """A part of the time axis: from ``at``, ``for`` so long or to the end.

    ``at`` counts from the beginning of the story, or of the window that ``follows`` names by its ``id``;
    ``"@23:30:00"`` is the first half past eleven at night.

    With ``every`` it comes again so often until the scenario ends, each time at random up to ``jitter`` s late.
    """

    at: At
    id: Id | None = None
    follows: Id | None = None
    lasts: Seconds | None = None
    every: Seconds | None = None
    jitter: Seconds = 0.0

    @property
    def begin(self) -> float:
        """s"""
        return seconds(self.at)

    @property
    def end(self) -> float:
        """s; infinite where it does not end."""
        return float("inf") if self.lasts is None else self.begin + seconds(self.lasts)

    def covers(self, t: float) -> bool:
        """Whether ``t`` lies in it."""
        return self.begin <= t < self.end
