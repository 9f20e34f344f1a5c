"""Whether the meters answer and the buses get on, told by the samples that pass."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stillcold_agent.config import Bus
from stillcold_agent.meters import Meter
from stillcold_core.readings import Absence, Sample

_SLACK = 30.0  # s beyond what a reading may take by the settings


@dataclass(slots=True)
class MeterView:
    """What one meter showed last.

    Attributes
    ----------
    bus, unit, point : str, int, str
        Which it is.
    answered : float or None
        UTC, s since 1970, of the last sample with a number; None before the first.
    answers : bool or None
        Whether the last sample had a number; None before the first sample.
    resting : bool
        Whether its breaker is open: it was left alone, and has not answered since.
    """

    bus: str
    unit: int
    point: str
    answered: float | None = None
    answers: bool | None = None
    resting: bool = False

    def take(self, sample: Sample, *, answered: bool) -> None:
        """Learn from a sample, and whether it has a number."""
        self.answers = answered
        if answered:
            self.answered, self.resting = sample.time, False
        elif Absence.BREAKER_OPEN in sample.values.values():
            self.resting = True


@dataclass(slots=True)
class BusView:
    """How one bus gets on.

    Attributes
    ----------
    bus : str
        Its id.
    limit : float
        s within which some reading must end by the settings, whether its meter answers or not.
    moved : float
        Monotonic time, s, of the last reading that ended.
    connected : bool or None
        Whether it was connected then; None before the first.
    """

    bus: str
    limit: float
    moved: float
    connected: bool | None = None

    def stuck(self, monotonic: float) -> bool:
        """Whether no reading has ended for longer than the limit."""
        return monotonic - self.moved > self.limit


class Progress:
    """Follows every sample, in the thread of the event loop.

    Parameters
    ----------
    buses : iterable of Bus
        Their settings; one without meters is never read and left out.
    meters : iterable of Meter
        All meters.
    monotonic : float
        Now, s; counts as the first progress.

    Attributes
    ----------
    meters, buses : mapping of str to MeterView or BusView
        By point, by id.
    """

    def __init__(self, buses: Iterable[Bus], meters: Iterable[Meter], monotonic: float) -> None:
        found = list(meters)
        self.meters: Mapping[str, MeterView] = {m.point: MeterView(m.bus, m.unit, m.point) for m in found}
        self.buses: Mapping[str, BusView] = {
            bus.id: BusView(bus.id, _limit(bus, mine), monotonic)
            for bus in buses
            if (mine := [m for m in found if m.bus == bus.id])
        }

    def take(self, sample: Sample, monotonic: float, *, answered: bool) -> None:
        """A reading has ended."""
        meter = self.meters[sample.point]
        meter.take(sample, answered=answered)
        bus = self.buses[meter.bus]
        bus.moved = monotonic
        bus.connected = answered or Absence.DISCONNECTED not in sample.values.values()

    def gets_on(self, monotonic: float) -> bool:
        """Whether any bus does: one that hangs must not cost the others a restart."""
        return not all(bus.stuck(monotonic) for bus in self.buses.values())


def _limit(bus: Bus, meters: list[Meter]) -> float:
    """The wait for the next reading that is due, an attempt to connect, and every request of it at its timeout."""
    return min(m.interval for m in meters) + bus.timeout * (1 + max(len(m.all_reads) for m in meters)) + _SLACK
