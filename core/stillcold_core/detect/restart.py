"""Restart of a sealed line, by all that its points show: registers, power, current, voltage, water and contacts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from stillcold_core.detect.alarms import Place
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.deadpoint import PointState, RestartRules, judge
from stillcold_core.detect.detector import Detector
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.presence import Condition, Presence
from stillcold_core.detect.saving import decode_state
from stillcold_core.readings import Sample
from stillcold_core.samples import Floats, Samples, by_columns

STATE_VERSION = 2


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A sealed line as the detector needs it.

    Attributes
    ----------
    site, line : str
        Ids.
    limits : DeadLineLimits
        From its rating and the measures taken.
    sealed_at : float
        UTC seconds; earlier samples are not judged.
    rules : RestartRules
        How to judge.
    """

    site: str
    line: str
    limits: DeadLineLimits
    sealed_at: float = 0.0
    rules: RestartRules = field(default_factory=RestartRules)


class RestartState(msgspec.Struct, frozen=True):
    """What the detector remembers of one line."""

    version: int = STATE_VERSION
    points: Mapping[str, PointState] = {}
    late: int = 0
    """Samples left aside because a later one of their point had been judged."""


def save(state: RestartState) -> bytes:
    """The state as bytes that :func:`restore` reads in any process."""
    return msgspec.msgpack.encode(state)


def restore(data: bytes) -> RestartState:
    """Read a saved state.

    Raises
    ------
    ValueError
        When it was saved by another version of the detector.

    Examples
    --------
    >>> restore(save(RestartState())) == RestartState()
    True
    """
    return decode_state(data, RestartState, version=STATE_VERSION, detector="the restart detector")


def advance(line: SealedLine, state: RestartState, samples: Samples) -> tuple[RestartState, list[Finding]]:
    """Judge samples of one point of a line, whatever it measures.

    A sample that is not later than the last one of its point is left aside and counted.

    Parameters
    ----------
    line : SealedLine
        The line that the point belongs to.
    state : RestartState
        Before the samples; not changed.
    samples : Samples
        Of one point. A missing value neither proves life nor death.

    Returns
    -------
    state : RestartState
        After the samples.
    findings : list of Finding
        Restarts that these samples decided; again, under the same id, where something else came to speak for one, and
        again with ``ended`` where one was over.
    """
    before = state.points.get(samples.point, PointState())
    judged, late = _in_order(line, before.presence.time, samples)
    if late:
        state = msgspec.structs.replace(state, late=state.late + late)
    if not len(judged):
        return state, []
    place = Place(line.site, line.line, samples.point)
    after, findings = judge(place, line.limits, line.rules, before, judged)
    return msgspec.structs.replace(state, points={**state.points, samples.point: after}), findings


def step(line: SealedLine, state: RestartState, sample: Sample) -> tuple[RestartState, list[Finding]]:
    """Judge one sample, as :func:`advance` does."""
    return advance(line, state, by_columns([sample]))


def proving(state: RestartState) -> Iterator[Presence]:
    """What is proved by each point that can prove death.

    Points that show only water or contacts cannot: they stand still while a furnace runs behind a bypassed transformer.
    """
    return (p.presence for p in state.points.values() if not p.only_witness)


def condition(state: RestartState, now: float) -> Condition:
    """What the line is proved to be at ``now``: live if any point is, unknown if any is silent or cannot tell.

    Water that runs proves life; a seal that was opened proves neither.
    """
    if any(p.presence.at(now) == "live" for p in state.points.values()):
        return "live"
    proved = [p.at(now) for p in proving(state)]
    return "dead" if proved and all(p == "dead" for p in proved) else "unknown"


def _in_order(line: SealedLine, last: float | None, samples: Samples) -> tuple[Samples, int]:
    """The samples since the sealing that are later than all before them, and how many were not."""
    if not len(samples):
        return samples, 0
    times = samples.times
    begin = -np.inf if last is None else last
    if times[0] >= line.sealed_at and times[0] > begin and (len(times) == 1 or (np.diff(times) > 0).all()):
        return samples, 0
    since: Floats = np.where(times >= line.sealed_at, times, -np.inf)
    newest = np.maximum.accumulate(np.concatenate(([begin], since[:-1])))
    kept = since > newest
    return samples.only(kept), int(np.count_nonzero((since > -np.inf) & ~kept))


DETECTOR = Detector("restart", STATE_VERSION, "line", RestartState, advance, save, restore)
