"""What goes into the journal and comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass

from stillcold_core.contract.losses import Gap


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the journal may hold.

    Attributes
    ----------
    max_bytes : int
        Of envelopes. When they would be more, the least valuable are dropped: those that the server has, then those
        that it refused, then by importance; of equals the oldest.
    keep_days : float
        Days for which it keeps what the server has.
    max_days : float
        Days for which it keeps what the server does not have.
    """

    max_bytes: int
    keep_days: float = 7.0
    max_days: float = 365.0


@dataclass(frozen=True, slots=True)
class Link:
    """What the next batch must carry to join the chain."""

    epoch: bytes
    sequence: int
    previous: bytes
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch to be written.

    Attributes
    ----------
    make : callable
        Gives the signed envelope that carries the link.
    importance : int
        The larger, the later it is dropped.
    begun, ended : int
        ms since 1970: time of its first and last sample.
    points : tuple of str
        Whose samples they are.
    """

    make: Callable[[Link], bytes]
    importance: int
    begun: int
    ended: int
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch in the journal."""

    sequence: int
    envelope: bytes
