"""A diesel set instead of the grid: a frequency that differs from everybody else's at the same time."""

import math
import statistics
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from stillcold_core.detect.detector import Detector
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.kernels import kernel
from stillcold_core.detect.saving import decode_state
from stillcold_core.readings import Sample
from stillcold_core.samples import Floats, Samples, by_columns

STATE_VERSION = 2
WINDOW = 60.0
"""s of the windows in which frequencies are compared."""
_LATENESS = 5  # windows that wait for points that report late
_FRESH = 15  # windows for which a point's last frequency still tells of the grid
_BUCKETS = 256
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
    windows : tuple of int
        Those that are open, in order.
    open : tuple of mapping of str to mapping of int to Tally
        By point and window, in buckets, so that a sample copies little.
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
    windows: tuple[int, ...] = ()
    open: tuple[Mapping[str, Mapping[int, Tally]], ...] = ({},) * _BUCKETS
    last: Mapping[str, tuple[int, float]] = {}
    suspicions: Mapping[str, Suspicion] = {}
    late: int = 0


def advance(fleet: Fleet, state: FleetState, samples: Samples) -> tuple[FleetState, list[Finding]]:
    """Judge samples of one point, in the order in which they came.

    A window is judged when a sample five minutes later has come. How samples are cut into calls changes nothing.

    Parameters
    ----------
    fleet : Fleet
        The points; samples of others and without frequency are left aside.
    state : FleetState
        Before the samples; not changed.
    samples : Samples
        Of one point.
    """
    findings: list[Finding] = []
    frequencies = samples.columns.get("frequency")
    if frequencies is None or samples.point not in fleet.points:
        return state, findings
    first = 0
    while first < len(samples):
        first = _believable(frequencies, first)
        if first < len(samples):
            window = int(samples.times[first] // WINDOW)
            before = state.open[_bucket(samples.point)].get(samples.point, {}).get(window, Tally())
            first, *tally = _tallied(samples.times, frequencies, first, fleet.rules.nominal, *_scalars(before))
            after = Tally(int(tally[0]), float(tally[1]), float(tally[2]), float(tally[3]))
            state, said = _counted(fleet, state, samples.point, window, before, after)
            findings += said
    return state, findings


def step(fleet: Fleet, state: FleetState, samples: Iterable[Sample]) -> tuple[FleetState, list[Finding]]:
    """Judge samples of all points, in the order in which they came."""
    findings: list[Finding] = []
    for sample in samples:
        state, said = advance(fleet, state, by_columns([sample]))
        findings += said
    return state, findings


@kernel
def _believable(frequencies: Floats, first: int) -> int:
    """The next sample with the frequency of a grid; their number where there is none."""
    i = first
    while i < len(frequencies) and not 40 <= frequencies[i] <= 65:
        i += 1
    return i


@kernel
def _tallied(
    times: Floats,
    frequencies: Floats,
    first: int,
    nominal: float,
    count: int,
    total: float,
    squares: float,
    began: float,
) -> tuple[int, int, float, float, float]:
    """The next sample of another window than the first one's, and the tally gone on with up to it."""
    window = times[first] // WINDOW
    i = first
    while i < len(times):
        if 40 <= frequencies[i] <= 65:
            if times[i] // WINDOW != window:
                break
            off = frequencies[i] - nominal
            count, total, squares = count + 1, total + off, squares + off * off
            began = min(began, times[i])
        i += 1
    return i, count, total, squares, began


def _scalars(tally: Tally) -> tuple[int, float, float, float]:
    return tally.count, tally.total, tally.squares, tally.first if tally.count else math.inf


def _bucket(point: str) -> int:
    return zlib.crc32(point.encode()) % _BUCKETS


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


def _counted(
    fleet: Fleet, state: FleetState, point: str, window: int, before: Tally, after: Tally
) -> tuple[FleetState, list[Finding]]:
    if window <= state.judged:
        return msgspec.structs.replace(state, late=state.late + after.count - before.count), []
    bucket = _bucket(point)
    mine = state.open[bucket].get(point, {})
    tallies = {**state.open[bucket], point: {**mine, window: after}}
    state = msgspec.structs.replace(
        state,
        newest=max(state.newest, window),
        windows=state.windows if window in state.windows else tuple(sorted((*state.windows, window))),
        open=(*state.open[:bucket], tallies, *state.open[bucket + 1 :]),
    )
    findings: list[Finding] = []
    while state.windows and state.windows[0] <= state.newest - _LATENESS:
        state, said = _judge(fleet, state, state.windows[0])
        findings += said
    return state, findings


def _judge(fleet: Fleet, state: FleetState, window: int) -> tuple[FleetState, list[Finding]]:
    tallies = {p: mine[window] for bucket in state.open for p, mine in bucket.items() if window in mine}
    last = {**state.last, **{p: (window, t.total / t.count) for p, t in tallies.items()}}
    # A point that is suspected does not tell what the grid does.
    heard = {p: mean for p, (k, mean) in last.items() if window - k <= _FRESH and p not in state.suspicions}
    grid, suspicions = _Grid(fleet, heard), dict(state.suspicions)
    findings = [f for p in sorted(tallies) for f in _weighed(fleet, window, p, tallies[p], grid, suspicions)]
    open_ = tuple(
        {p: left for p, mine in bucket.items() if (left := {k: t for k, t in mine.items() if k != window})}
        for bucket in state.open
    )
    after = FleetState(state.version, state.newest, window, state.windows[1:], open_, last, suspicions, state.late)
    return after, findings


class _Grid:
    """What the points that are not suspected say of the grid: Hz less nominal."""

    def __init__(self, fleet: Fleet, heard: Mapping[str, float]) -> None:
        self._fleet, self._heard = fleet, heard
        by_site: dict[str, list[float]] = {}
        for p, mean in heard.items():
            by_site.setdefault(fleet.points[p][0], []).append(mean)
        self._sites = by_site.keys()
        self._everywhere = statistics.median(map(statistics.median, by_site.values())) if by_site else 0.0
        self._here = statistics.median(heard.values()) if heard else 0.0

    def beside(self, point: str) -> tuple[float, float]:
        """What a point should show, and the spread around it.

        A whole site may run on one set, so other sites tell; points of the same one do as long as they agree with the
        nominal frequency.
        """
        rules = self._fleet.rules
        if len(self._sites - {self._fleet.points[point][0]}) >= rules.others:
            return self._everywhere, rules.spread
        others = len(self._heard) - (point in self._heard)
        if others >= rules.others and abs(self._here) <= rules.alone:
            return self._here, rules.spread
        return 0.0, rules.alone


def _weighed(
    fleet: Fleet,
    window: int,
    point: str,
    tally: Tally,
    grid: _Grid,
    suspicions: dict[str, Suspicion],
) -> list[Finding]:
    rules, before = fleet.rules, suspicions.get(point, Suspicion())
    expected, spread = grid.beside(point)
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


DETECTOR = Detector("tamper.fleet", STATE_VERSION, "fleet", FleetState, advance, save, restore)
