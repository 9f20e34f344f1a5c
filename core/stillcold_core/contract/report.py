"""What a gateway says of its work beside its status: unsigned, for whoever looks after it."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stillcold_core.registry import Id

Count = Annotated[int, Meta(ge=0, lt=2**53)]
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Moment = Annotated[datetime, Meta(tz=True)]


class BusReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One bus.

    Attributes
    ----------
    bus : str
        Its id.
    meters, silent : int
        Meters on it, and those that did not answer when they were read last.
    connected : bool or None
        None before it has been tried.
    """

    bus: Id
    meters: Count
    silent: Count
    connected: bool | None = None


class GatewayReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gateway at one moment.

    Attributes
    ----------
    at : datetime
        When, by the gateway's clock.
    meters, silent : int
        Of all buses.
    synced : bool
        Whether a time service disciplines its clock.
    clock_offset, clock_error : float or None
        s that its clock is still to be corrected by, and that it may be wrong by at most, as its kernel estimates; None
        where it cannot say.
    waiting : int or None
        Batches that the server has not acknowledged; None where the journal cannot be read.
    oldest : datetime or None
        When the oldest of them was written; None where none waits.
    buses : tuple of BusReport
        May be left out where it is too long.
    counts : mapping of str to int
        What was dropped, refused or missed since the start, by reason, without those that never happened. May be left
        out where it is too long.
    """

    at: Moment
    meters: Count
    silent: Count
    synced: bool
    clock_offset: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    clock_error: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    waiting: Count | None = None
    oldest: Moment | None = None
    buses: Annotated[tuple[BusReport, ...], Meta(max_length=64)] = ()
    counts: Annotated[dict[Word, Count], Meta(max_length=128)] = {}  # msgspec copies it

    def __post_init__(self) -> None:
        """Refuse times that some calendar of a reader cannot hold; a gateway without a clock begins in 1970."""
        for moment in (self.at, self.oldest):
            if moment is not None and not 1970 <= moment.year <= 9998:
                raise ValueError("expected a time from 1970 to 9998")
