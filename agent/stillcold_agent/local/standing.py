"""What is proved of each sealed point at the edge, and the events that change it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from stillcold_agent.edge import Verdict
from stillcold_agent.meters import Meter
from stillcold_core.detect.cadence import longest_between
from stillcold_core.detect.deadline import CURRENTS, OFF_DELAY, POWERS
from stillcold_core.readings import Sample

_PROVING = ("active_power", *POWERS, *CURRENTS, "active_energy_import")
"""Quantities without which a sample proves no death; as the server's restart detector has it."""


class State(StrEnum):
    """What is proved of a sealed point."""

    DEAD = "dead"
    """The last reading showed every limit kept."""
    LIVE = "live"
    """The last reading showed one exceeded."""
    UNKNOWN = "unknown"
    """Not measured, or measured by what can prove no death: water and contacts."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a lamp, a siren or a log shows.

    Attributes
    ----------
    point : str
        Where.
    state : State
        What is proved now.
    kind : str
        Why: ``power``, ``current``, ``voltage``, ``energy`` or ``water`` of a line that lives; ``seal`` of a contact
        that moved; ``dead``; ``silent``.
    time : float
        UTC of the reading, s since 1970.
    """

    point: str
    state: State
    kind: str
    time: float


@dataclass(slots=True)
class Standing:
    """One point.

    Attributes
    ----------
    point : str
        Its id.
    state : State
        What is proved.
    kind : str
        Why, as in :class:`Event`; empty before the first reading.
    since : float or None
        UTC, s, of the reading that first showed the state.
    read : float or None
        UTC, s, of the last reading with a number.
    resting : tuple of float, optional
        Monotonic and UTC time, s, of the first dead reading of a line that is still counted as live.
    """

    point: str
    state: State = State.UNKNOWN
    kind: str = ""
    since: float | None = None
    read: float | None = None
    resting: tuple[float, float] | None = None


class Board:
    """The standing of all sealed points.

    Parameters
    ----------
    meters : iterable of Meter
        Those of sealed lines count.
    """

    def __init__(self, meters: Iterable[Meter]) -> None:
        sealed = [m for m in meters if m.limits]
        self._standings = {m.point: Standing(m.point) for m in sealed}
        self._patience = {m.point: longest_between([m.interval]) for m in sealed}
        self._heard: dict[str, float] = {}

    def take(self, sample: Sample, verdict: Verdict) -> Event | None:
        """Learn from a sample; what it changes."""
        standing = self._standings.get(sample.point)
        if standing is None:
            return None
        self._heard[sample.point] = sample.monotonic
        if verdict.answered:
            standing.read = sample.time
        state, kind = _shown(sample, verdict)
        event = self._change(standing, state, kind, sample)
        if verdict.live == "seal" and verdict.began:
            return Event(sample.point, standing.state, "seal", sample.time)
        return event

    def _change(self, standing: Standing, state: State, kind: str, sample: Sample) -> Event | None:
        since = sample.time
        if standing.state is State.LIVE and state is State.DEAD:
            standing.resting = standing.resting or (sample.monotonic, sample.time)
            began, since = standing.resting
            if sample.monotonic - began < OFF_DELAY:
                return None  # what runs in short turns is not off in between
        standing.resting = None
        if state is standing.state and standing.since is not None:
            return None
        standing.state, standing.kind, standing.since = state, kind, since
        return Event(sample.point, state, kind, since)

    def standings(self, monotonic: float) -> list[Standing]:
        """All points; one that has not been read for three intervals is unknown."""
        out = []
        for point, standing in self._standings.items():
            late = monotonic - self._heard.get(point, monotonic) > self._patience[point]
            out.append(Standing(point, State.UNKNOWN, "silent", standing.read, standing.read) if late else standing)
        return out


def iso(time: float) -> str:
    """A moment as the local outputs write it; ``time`` is UTC, s since 1970."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")


def _shown(sample: Sample, verdict: Verdict) -> tuple[State, str]:
    if verdict.live and verdict.live != "seal":
        return State.LIVE, verdict.live
    if not verdict.answered:
        return State.UNKNOWN, "silent"
    if any(sample.number(q) is not None for q in _PROVING):
        return State.DEAD, "dead"
    return State.UNKNOWN, "no_proof"
