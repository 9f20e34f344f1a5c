"""A diesel set instead of the grid: a frequency that differs from everybody else's at the same time."""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from stillcold_core.detect.detector import Detector
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.saving import decode_state
from stillcold_core.readings import Sample
from stillcold_core.samples import Samples

STATE_VERSION = 1
WINDOW = 60.0
"""s of the windows in which frequencies are compared."""
_LATENESS = 5  # windows that wait for points that report late
_FRESH = 15  # windows for which a point's last frequency still tells of the grid
_MOST = 25.0  # that one window adds at most: it takes several


@dataclass(frozen=True, slots=True)
class FleetRules:
    """How frequencies are compared.

    Attributes
    ----------
    nominal : float
        Hz
    spread : float
        Hz, of honest meters around the grid's frequency: their resolution, and that they are not read at the same
        moment.
    alone : float
        Hz, of the grid around its nominal frequency, where fewer than ``others`` points tell what it is.
    others : int
    allowed : float
        Square of a deviation over the spread that is tolerated for ever.
    threshold : float
        Of the sum of what goes beyond it.
    """

    nominal: float = 50.0
    spread: float = 0.06
    alone: float = 0.12
    others: int = 2
    allowed: float = 4.0
    threshold: float = 60.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """Points whose frequency is compared: ids of site and line by the id of the point."""

    points: Mapping[str, tuple[str, str]]
    rules: FleetRules = field(default_factory=FleetRules)


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """Frequencies of one point in one window: how many, their sum and the sum of their squares, less nominal."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    first: float = 0.0


class Suspicion(msgspec.Struct, frozen=True):
    """What speaks against one point.

    Attributes
    ----------
    score : float
        Sum of what went beyond what is allowed.
    began : float, optional
        s since when it is above 0.
    told : bool
        Whether it was told.
    """

    score: float = 0.0
    began: float | None = None
    told: bool = False


class FleetState(msgspec.Struct, frozen=True):
    """What the detector remembers of all points.

    Attributes
    ----------
    newest : int
        Number of the newest window, ``time / WINDOW``.
    judged : int
        Number of the last one that was judged.
    open : mapping of int to mapping of str to Tally
        By window and point.
    last : mapping of str to (int, float)
        Window and mean, Hz less nominal, of each point's last frequency.
    suspicions : mapping of str to Suspicion
        By point, of those that something speaks against.
    late : int
        Samples left aside because their window had been judged.
    """

    version: int = STATE_VERSION
    newest: int = 0
    judged: int = -1
    open: Mapping[int, Mapping[str, Tally]] = {}
    last: Mapping[str, tuple[int, float]] = {}
    suspicions: Mapping[str, Suspicion] = {}
    late: int = 0


def step(fleet: Fleet, state: FleetState, samples: Iterable[Sample]) -> tuple[FleetState, list[Finding]]:
    """Judge samples of all points.

    A window is judged when a sample five minutes later has come. How samples are cut into calls changes nothing.

    Parameters
    ----------
    fleet : Fleet
        The points; samples of others, without frequency or without voltage are left aside.
    state : FleetState
        Before the samples; not changed.
    samples : iterable of Sample
        In the order in which they came.
    """
    open_ = {k: dict(v) for k, v in state.open.items()}
    newest, judged, late = state.newest, state.judged, state.late
    last, suspicions = dict(state.last), dict(state.suspicions)
    findings: list[Finding] = []
    for sample in samples:
        frequency = sample.number("frequency")
        if sample.point not in fleet.points or frequency is None or not 40 <= frequency <= 65:
            continue
        window = math.floor(sample.time / WINDOW)
        if window <= judged:
            late += 1
            continue
        tallies = open_.setdefault(window, {})
        tallies[sample.point] = _added(tallies.get(sample.point), sample.time, frequency - fleet.rules.nominal)
        newest = max(newest, window)
        while open_ and min(open_) <= newest - _LATENESS:
            judged = min(open_)
            findings += _judge(fleet, judged, open_.pop(judged), last, suspicions)
    return FleetState(state.version, newest, judged, open_, last, suspicions, late), findings


def save(state: FleetState) -> bytes:
    """The state as bytes that :func:`restore` reads in any process."""
    return msgspec.msgpack.encode(state)


def restore(data: bytes) -> FleetState:
    """Read a saved state.

    Raises
    ------
    ValueError
        When it was saved by another version of the detector.
    """
    return decode_state(data, FleetState, version=STATE_VERSION, detector="the fleet's tamper detector")


def _added(tally: Tally | None, time: float, deviation: float) -> Tally:
    if tally is None:
        return Tally(1, deviation, deviation * deviation, time)
    return Tally(
        tally.count + 1, tally.total + deviation, tally.squares + deviation * deviation, min(tally.first, time)
    )


def _judge(
    fleet: Fleet,
    window: int,
    tallies: Mapping[str, Tally],
    last: dict[str, tuple[int, float]],
    suspicions: dict[str, Suspicion],
) -> list[Finding]:
    for point in sorted(tallies):
        last[point] = (window, tallies[point].total / tallies[point].count)
    # A point that is suspected does not tell what the grid does.
    heard = sorted(mean for p, (k, mean) in last.items() if window - k <= _FRESH and p not in suspicions)
    grid = statistics.median(heard) if heard else 0.0
    findings = []
    for point in sorted(tallies):
        others = len(heard) - (point not in suspicions)
        findings += _weighed(fleet, window, point, tallies[point], grid, others, suspicions)
    return findings


def _weighed(
    fleet: Fleet,
    window: int,
    point: str,
    tally: Tally,
    grid: float,
    others: int,
    suspicions: dict[str, Suspicion],
) -> list[Finding]:
    rules, before = fleet.rules, suspicions.get(point, Suspicion())
    known = others >= rules.others
    expected, spread = (grid, rules.spread) if known else (0.0, rules.alone)
    mean = tally.total / tally.count
    off = tally.squares / tally.count - 2 * expected * mean + expected * expected
    more = min(off / (spread * spread), _MOST) - rules.allowed
    score = min(max(before.score + more, 0.0), 2 * rules.threshold)
    if score == 0:
        suspicions.pop(point, None)
        return [_finding(fleet, point, before, window, tally, expected, ended=tally.first)] if before.told else []
    now = Suspicion(
        score, tally.first if before.began is None else before.began, before.told or score >= rules.threshold
    )
    suspicions[point] = now
    return [_finding(fleet, point, now, window, tally, expected)] if now.told and not before.told else []


def _finding(
    fleet: Fleet,
    point: str,
    suspicion: Suspicion,
    window: int,
    tally: Tally,
    expected: float,
    ended: float | None = None,
) -> Finding:
    site, line = fleet.points[point]
    nominal, mean = fleet.rules.nominal, tally.total / tally.count
    off = math.sqrt(max(tally.squares / tally.count - 2 * expected * mean + expected * expected, 0.0))
    reason = f"frequency {nominal + mean:.2f} Hz, {off:.2f} Hz off the grid's {nominal + expected:.2f} Hz"
    evidence = {"frequency": nominal + mean, "grid": nominal + expected, "off": off, "score": suspicion.score}
    began = tally.first if suspicion.began is None else suspicion.began
    end = (window + 1) * WINDOW
    return Finding("tamper.genset", "critical", site, line, point, began, end, reason, evidence, ended)


def _advance(fleet: Fleet, state: FleetState, samples: Samples) -> tuple[FleetState, list[Finding]]:
    return step(fleet, state, samples.rows())


DETECTOR = Detector("tamper.fleet", STATE_VERSION, "fleet", FleetState, _advance, save, restore)
