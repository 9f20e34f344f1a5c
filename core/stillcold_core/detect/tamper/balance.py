"""The incomer's energy against the sum of its feeders': what passes by a feeder's meter is missing there."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.detect.tamper.edges import GRID, KEPT, Edges, advanced
from stillcold_core.detect.tamper.held import Held, hold
from stillcold_core.detect.tamper.watched_site import WatchedSite

_WIDEST = 12  # edges of a window: an hour
_INTERVALS = 4  # of the slowest meter in a window
_SETTLES = 1 / 3  # weight of the newest window in what is usual
_ABOUT = 2.0  # times by which a feeder's fall may differ from what is missing


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
    usual : mapping of str to float
        W of each feeder in the last windows that balanced.
    """

    judged: int = 0
    held: Held = Held()
    suspect: str = ""
    usual: Mapping[str, float] = {}


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
    not read neither counts nor ends anything.
    """
    metered = (*watched.incomers, *watched.feeders)
    known = [points[m.point] for m in metered if m.point in points]
    if not watched.incomers or not watched.feeders or len(known) < len(metered):
        return state, []
    wide = min(max(1, round(_INTERVALS * max(p.interval for p in known) / GRID)), _WIDEST)
    newest = min(max(p.at, default=0) for p in known)
    begin = math.ceil(max(state.judged, newest - KEPT) / wide) * wide
    findings: list[Finding] = []
    while begin + wide <= newest:
        window = _window(watched, points, begin, begin + wide)
        begin += wide
        if window is not None:
            state, said = _judge(watched, state, window)
            findings += said
    return msgspec.structs.replace(state, judged=max(begin, state.judged)), findings


def _window(watched: WatchedSite, points: Mapping[str, Edges], first: int, last: int) -> _Window | None:
    energy: dict[str, float] = {}
    for m in (*watched.incomers, *watched.feeders):
        taken = advanced(points[m.point], first, last)
        if taken is None:
            return None
        energy[m.point] = taken
    came, went = (sum(energy[m.point] for m in side) for side in (watched.incomers, watched.feeders))
    steps = 2 * max(points[p].step for p in energy)
    floor = watched.rules.floor * watched.rated_power * (last - first) * GRID / 3600
    return _Window(first * GRID, last * GRID, energy, came, went, watched.rules.share * max(came, went) + floor + steps)


def _judge(watched: WatchedSite, state: Balance, window: _Window) -> tuple[Balance, list[Finding]]:
    unmetered = watched.unmetered * window.hours
    shown = window.missing > window.allowed + unmetered or -window.missing > window.allowed
    held, change = hold(
        state.held, window.end, shown, samples=watched.rules.windows, seconds=0, rest=watched.rules.rest
    )
    begins = shown and state.held.since is None
    after = Balance(
        judged=state.judged,
        held=held,
        suspect=_suspect(watched, state, window) if begins else state.suspect,
        usual=state.usual if shown else _smoothed(watched, state.usual, window),
    )
    if change is None:
        return after, []
    first = (held if change == "raised" else state.held).since or window.end
    began = first - window.hours * 3600
    ended = (state.held.clear or window.end) if change == "ended" else None
    return after, [_unbalanced(watched, after.suspect, window, began, ended)]


def _smoothed(watched: WatchedSite, usual: Mapping[str, float], window: _Window) -> Mapping[str, float]:
    power = {m.point: window.energy[m.point] / window.hours for m in watched.feeders}
    return {p: usual.get(p, w) + (w - usual.get(p, w)) * _SETTLES for p, w in power.items()}


def _suspect(watched: WatchedSite, state: Balance, window: _Window) -> str:
    """The one feeder that fell, or rose, by about what is missing or too much; otherwise the incomer."""
    sign, wrong = (1 if window.missing > 0 else -1), abs(window.missing)
    fell = sorted(
        (sign * (state.usual.get(m.point, 0.0) * window.hours - window.energy[m.point]), m.point)
        for m in watched.feeders
    )
    most, point = fell[-1]
    next_most = fell[-2][0] if len(fell) > 1 else 0.0
    alone = wrong / _ABOUT < most < wrong * _ABOUT and next_most < most / 2
    return point if alone else watched.incomers[0].point


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
