"""The incomer's energy against the sum of its feeders': what passes by a feeder's meter is missing there."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.tamper.edges import GRID, KEPT, LATE, Edges, advanced, coarseness
from stillcold_core.detect.tamper.held import Held, hold
from stillcold_core.detect.tamper.watched_site import WatchedSite

_WIDEST = 12  # edges of a window: an hour
_INTERVALS = 4  # of the slowest meter in a window
_SETTLES = 1 / 3  # weight of the newest window in what is usual
_ABOUT = 2.0  # times by which a feeder's fall may differ from what is missing
_FADES = 0.98  # of a peak that is left after a window
_IDLE = 0.05  # share of the incomer's rated power below which a balance tells little
_IDLE_COUNTS = 0.25  # of the time that such a window lasts
_PROVEN = 2700.0  # s from the beginning after which a site that has balanced must always balance
_HOURS = 24
_WAITS = 6  # windows after which one is learned from: what creeps in is not usual yet
_MARGINS = ((86_400.0, 0.2, 0.03), (21_600.0, 0.5, 0.1), (1800.0, 2.0, 0.2))
"""s for which was learned what is missing; shares of it and of the incomer's rated power that may be missing more."""


class Usual(msgspec.Struct, frozen=True):
    """What is missing at a site of which not every feeder is metered.

    Attributes
    ----------
    members : tuple of str
        Points that were compared.
    seconds : float
        s for which was learned.
    balanced : float
        Those of them in which it balanced; -1 once it did not.
    ranges : mapping of int to (float, float)
        W, least and most, by the hour of the day in UTC.
    waiting : tuple of (int, float, float)
        Hour, W and s of the last windows, which are not learned from yet.
    """

    members: tuple[str, ...] = ()
    seconds: float = 0.0
    balanced: float = 0.0
    ranges: Mapping[int, tuple[float, float]] = {}
    waiting: tuple[tuple[int, float, float], ...] = ()


class Balance(msgspec.Struct, frozen=True):
    """How a site has balanced.

    Attributes
    ----------
    judged : int
        Number of the last edge up to which it was compared.
    held : Held
        Windows in succession in which it did not balance.
    suspect : str
        Point that fell, or rose, by as much when that began; the incomer where none did.
    fed : mapping of str to float
        W of each feeder in the last windows that balanced.
    peaks : mapping of str to float
        W, the most that each took lately.
    proven : tuple of str
        Points that have balanced from the beginning, so that they must always.
    usual : Usual
        What is missing as long as they have not.
    """

    judged: int = 0
    held: Held = Held()
    suspect: str = ""
    fed: Mapping[str, float] = {}
    peaks: Mapping[str, float] = {}
    proven: tuple[str, ...] = ()
    usual: Usual = Usual()


class _Window(NamedTuple):
    begin: float
    end: float
    energy: Mapping[str, float]  # Wh by point
    came: float
    went: float
    allowed: float

    @property
    def hours(self) -> float:
        return (self.end - self.begin) / 3600

    @property
    def missing(self) -> float:
        return self.came - self.went


def observe(watched: WatchedSite, state: Balance, points: Mapping[str, Edges]) -> tuple[Balance, list[Finding]]:
    """Judge all windows that have become complete.

    One window is 5 minutes long, or four intervals of the slowest meter, at most an hour. A window in which a point was
    not read neither counts nor ends anything. Feeders that have not been read for three hours are not compared.
    """
    members = _members(watched, points)
    if members is None:
        return state, []
    known = [points[p] for p in members]
    wide = min(max(1, round(_INTERVALS * max(p.interval for p in known) / GRID)), _WIDEST)
    newest = min(max(p.at) for p in known)
    begin = math.ceil(max(state.judged, newest - KEPT) / wide) * wide
    if begin + wide > newest:
        return state, []
    findings: list[Finding] = []
    while begin + wide <= newest:
        window = _window(watched, points, members, begin, begin + wide)
        begin += wide
        if window is not None:
            state, said = _judge(watched, state, members, window)
            findings += said
    return msgspec.structs.replace(state, judged=max(begin, state.judged)), findings


def _members(watched: WatchedSite, points: Mapping[str, Edges]) -> tuple[str, ...] | None:
    """Points that can be compared; None while others have to be waited for, or without an incomer or any feeder."""
    at = {m.point: points[m.point].at for m in (*watched.incomers, *watched.feeders) if m.point in points}
    newest = max((max(edges) for edges in at.values() if edges), default=0)
    oldest = min((min(edges) for edges in at.values() if edges), default=0)
    for m in (*watched.incomers, *watched.feeders):
        if not at.get(m.point) and newest < oldest + LATE:
            return None
    members = tuple(p for p, edges in at.items() if edges and max(edges) >= newest - LATE)
    whole = all(m.point in members for m in watched.incomers)
    return members if whole and 0 < len(watched.incomers) < len(members) else None


def _window(
    watched: WatchedSite, points: Mapping[str, Edges], members: tuple[str, ...], first: int, last: int
) -> _Window | None:
    energy: dict[str, float] = {}
    for p in members:
        taken = advanced(points[p], first, last)
        if taken is None:
            return None
        energy[p] = taken
    came, went = (sum(energy.get(m.point, 0.0) for m in side) for side in (watched.incomers, watched.feeders))
    steps = max(coarseness(points[p], taken, (last - first) * GRID) for p, taken in energy.items())
    floor = watched.rules.floor * watched.rated_power * (last - first) * GRID / 3600
    return _Window(first * GRID, last * GRID, energy, came, went, watched.rules.share * max(came, went) + floor + steps)


def _judge(
    watched: WatchedSite, state: Balance, members: tuple[str, ...], window: _Window
) -> tuple[Balance, list[Finding]]:
    unmetered = watched.unmetered * window.hours
    wrong = window.missing > window.allowed + unmetered or -window.missing > window.allowed
    if members == state.proven:
        shown, usual = wrong, state.usual
    else:
        usual = state.usual if state.usual.members == members else Usual(members)
        shown = wrong and _unusual(watched, usual, window)
        usual = usual if shown else _learned(watched, usual, window, wrong)
    held, change = hold(
        state.held, window.end, shown, samples=watched.rules.windows, seconds=0, rest=watched.rules.rest
    )
    begins = shown and state.held.since is None
    after = Balance(
        judged=state.judged,
        held=held,
        suspect=_suspect(watched, state, window) if begins else state.suspect,
        fed=state.fed if shown else _smoothed(watched, state.fed, window),
        peaks=state.peaks if shown else _highest(watched, state.peaks, window),
        proven=members if usual.balanced >= _PROVEN and usual.members == members else state.proven,
        usual=usual,
    )
    if change is None:
        return after, []
    first = (held if change == "raised" else state.held).since or window.end
    began = first - window.hours * 3600
    ended = (state.held.clear or window.end) if change == "ended" else None
    return after, [_unbalanced(watched, after.suspect, window, began, ended)]


def _learned(watched: WatchedSite, usual: Usual, window: _Window, wrong: bool) -> Usual:
    seconds = window.end - window.begin
    idle = window.came < _IDLE * watched.rated_power * window.hours
    balanced = usual.balanced + seconds * (_IDLE_COUNTS if idle else 1.0)
    waiting = (*usual.waiting, (_hour(window), window.missing / window.hours, seconds))
    learned, ranges = usual.seconds, usual.ranges
    if len(waiting) > _WAITS:
        hour, missing, lasted = waiting[0]
        low, high = ranges.get(hour, (missing, missing))
        learned, ranges = learned + lasted, {**ranges, hour: (min(low, missing), max(high, missing))}
    return Usual(usual.members, learned, -1.0 if wrong or usual.balanced < 0 else balanced, ranges, waiting[-_WAITS:])


def _unusual(watched: WatchedSite, usual: Usual, window: _Window) -> bool:
    """Whether more is missing than ever was about this hour of the day, or less."""
    margin = next((m for m in _MARGINS if usual.seconds >= m[0]), None)
    if margin is None:
        return False
    near = [usual.ranges[h] for d in (-1, 0, 1) if (h := (_hour(window) + d) % _HOURS) in usual.ranges]
    ranges = near if len(near) == 3 and len(usual.ranges) == _HOURS else [*usual.ranges.values()]
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    _, share, rated = margin
    more = share * max(abs(low), abs(high)) + rated * watched.rated_power + window.allowed / window.hours
    return not low - more <= window.missing / window.hours <= high + more


def _hour(window: _Window) -> int:
    return int(window.begin // 3600) % _HOURS


def _smoothed(watched: WatchedSite, usual: Mapping[str, float], window: _Window) -> Mapping[str, float]:
    return {p: usual.get(p, w) + (w - usual.get(p, w)) * _SETTLES for p, w in _powers(watched, window).items()}


def _highest(watched: WatchedSite, peaks: Mapping[str, float], window: _Window) -> Mapping[str, float]:
    return {p: max(w, _FADES * peaks.get(p, w)) for p, w in _powers(watched, window).items()}


def _powers(watched: WatchedSite, window: _Window) -> Mapping[str, float]:
    return {m.point: window.energy.get(m.point, 0.0) / window.hours for m in watched.feeders}


def _suspect(watched: WatchedSite, state: Balance, window: _Window) -> str:
    """The one feeder that fell, or rose, by about what is missing or too much; otherwise the incomer.

    A furnace that was being emptied just before fell from what it takes at its most.
    """
    now = _powers(watched, window)
    for before in (state.fed, state.peaks):
        fell = {p: before.get(p, 0.0) - w if window.missing > 0 else w - before.get(p, 0.0) for p, w in now.items()}
        point = _alone(fell, abs(window.missing) / window.hours)
        if point is not None:
            return point
    return watched.incomers[0].point


def _alone(fell: Mapping[str, float], wrong: float) -> str | None:
    *others, (point, most) = sorted(fell.items(), key=lambda each: (each[1], each[0]))
    next_most = others[-1][1] if others else 0.0
    return point if wrong / _ABOUT < most < wrong * _ABOUT and next_most < most / 2 else None


def _unbalanced(watched: WatchedSite, suspect: str, window: _Window, began: float, ended: float | None) -> Finding:
    reason = (
        f"incomer took {window.came / 1000:.1f} kWh in {window.hours * 60:.0f} min, its feeders "
        f"{window.went / 1000:.1f} kWh; unlike before {iso(began)}"
    )
    evidence = {"incomer": window.came, "feeders": window.went, "allowed": window.allowed, "hours": window.hours}
    line = watched.points[suspect].line
    return Finding(
        "tamper.balance", "critical", watched.site, line, suspect, began, window.end, reason, evidence, ended
    )
