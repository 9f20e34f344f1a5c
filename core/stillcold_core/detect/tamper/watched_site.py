"""A site whose points are watched against each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class SiteRules:
    """How the points of a site are compared.

    Attributes
    ----------
    share : float
        Of the incomer's energy that may be missing on the feeders: class errors and losses.
    floor : float
        Share of the incomer's rated power that may be missing always.
    windows : int
        How many windows in succession it must be missing. A window is 5 minutes long, or for slow meters as long as
        four of their intervals, at most an hour.
    rest : float
        s for which it must balance again before that counts as ended: between two heats nothing is missing.
    idle : float
        Share of the rated power below which a feeder shows nothing.
    water : float
        m³/h from which water runs.
    run_on : float
        s that cooling water may run after the power: an emptied furnace is cooled for hours.
    """

    share: float = 0.05
    floor: float = 0.01
    windows: int = 3
    rest: float = 2 * 3600.0
    idle: float = 0.005
    water: float = 0.2
    run_on: float = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Metered:
    """A point of the site: its id, its line and the line's rated power in W."""

    point: str
    line: str
    rated_power: float


@dataclass(frozen=True)
class WatchedSite:
    """The points of a site, as they hang together.

    Attributes
    ----------
    site : str
        Id.
    incomers, feeders : tuple of Metered
        The feeders take all that comes in, but for ``unmetered``. Without either nothing is compared.
    water : tuple of Metered
        Water meters of lines with feeders.
    unmetered : float
        W that loads without a feeder meter may take.
    rules : SiteRules
        How to judge.
    """

    site: str
    incomers: tuple[Metered, ...] = ()
    feeders: tuple[Metered, ...] = ()
    water: tuple[Metered, ...] = ()
    unmetered: float = 0.0
    rules: SiteRules = field(default_factory=SiteRules)

    @cached_property
    def points(self) -> Mapping[str, Metered]:
        """All of them by their ids."""
        return {m.point: m for m in (*self.incomers, *self.feeders, *self.water)}

    @cached_property
    def waters(self) -> frozenset[str]:
        """Ids of the water meters."""
        return frozenset(m.point for m in self.water)

    @property
    def rated_power(self) -> float:
        """W of the incomers together."""
        return sum(m.rated_power for m in self.incomers)
