"""Power cut-off verification: what a line must show, in every reading of some minutes, to be dead.

It is stricter than the detector of restarts, which lets single bad readings pass: one reading above its limit, one
contact that is wrong once, one reading that is missing, and the line is not verified. The limits are the detector's.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from stillcold_core.detect.cadence import longest_between
from stillcold_core.detect.deadline import CONTACTS, CURRENTS, LINE_VOLTAGES, POWERS, VOLTAGES, DeadLineLimits
from stillcold_core.detect.deadpoint import idle
from stillcold_core.detect.energy import RegisterRules, coarsest_step, energy_rules, water_rules
from stillcold_core.detect.signals import LITRE
from stillcold_core.proof.records import ELECTRICAL, NO_SAMPLE, Ints, Origin, Record, allowed_between
from stillcold_core.samples import Floats

Name = Literal["voltage", "current", "power", "energy", "water", "contacts"]
CONDITIONS: tuple[Name, ...] = get_args(Name)
Result = Literal["passed", "failed", "incomplete", "not_applicable"]
Why = Literal["in_front_of_the_cut", "water_not_cut", "no_point", "not_measured"]
"""Why a condition is not looked at: the meters lie in front of the cut; the water was not cut; nothing measures it."""
NOT_READ = "not_read"
"""Cause of what is missing where the meter is not asked for it at all."""
_COARSEST = 1e4
_POWERS = ("active_power", *POWERS)


@dataclass(frozen=True, slots=True)
class Watched:
    """The line and the time in which it is observed.

    Attributes
    ----------
    limits : DeadLineLimits
        Of the line.
    roles : mapping of str to str
        Of its points, by their ids.
    behind_cut : collection of str
        The electrical points that lie behind the cut: there must be no voltage.
    begin, end : int
        ms UTC, both included.
    """

    limits: DeadLineLimits
    roles: Mapping[str, str]
    behind_cut: Collection[str]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading: ``value`` of ``quantity`` at ``time`` (ms) at a point, and the batch that it stands in."""

    point: str
    quantity: str
    value: float
    time: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Missing:
    """For how many seconds readings of a point are missing, and why."""

    point: str
    cause: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What one condition's readings at one point come to.

    Attributes
    ----------
    share : float
        The worst reading as a share of its limit; above 1 the condition does not hold.
    limit : float
        In ``unit``, that of the worst reading.
    unit : str
    worst : Reading
        A register's is the one farthest from ``first``.
    first : Reading, optional
        A register's first reading.
    """

    share: float
    limit: float
    unit: str
    worst: Reading
    first: Reading | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether one condition holds.

    Attributes
    ----------
    name : str
    result : "passed", "failed", "incomplete" or "not_applicable"
    why : str, optional
        Of one that is not applicable.
    worst : Seen, optional
        The worst of all points.
    missing : tuple of Missing
    """

    name: Name
    result: Result
    why: Why | None = None
    worst: Seen | None = None
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True)
class _Signal:
    """What one point shows for a condition: the readings' places, their values, and which of them counts how much."""

    quantities: tuple[str, ...]
    seen: list[Seen]
    times: Ints


def verify(watched: Watched, records: Mapping[str, Record]) -> tuple[Condition, ...]:
    """Whether each condition holds, from all that was stored of the line's points in the time of observation.

    Parameters
    ----------
    watched : Watched
        The line.
    records : mapping of str to Record
        By point; samples outside the time are left aside.
    """
    parts = {p: records[p].part(watched.begin, watched.end) for p in watched.roles if p in records}
    return tuple(_CHECKS[name](name, watched, parts) for name in CONDITIONS)


def result_of(conditions: Collection[Condition]) -> Literal["passed", "failed", "incomplete"]:
    """Of the whole verification: failed where anything has failed, else incomplete where anything is missing."""
    results = {c.result for c in conditions}
    return "failed" if "failed" in results else "incomplete" if "incomplete" in results else "passed"


def _electrical(watched: Watched) -> list[str]:
    return sorted(p for p, role in watched.roles.items() if role in ELECTRICAL)


def _voltage(name: Name, watched: Watched, parts: Mapping[str, Record]) -> Condition:
    points = [p for p in _electrical(watched) if p in watched.behind_cut]
    if not points:
        return Condition(name, "not_applicable", "in_front_of_the_cut")
    limit = watched.limits.voltage_dead * watched.limits.nominal_voltage
    quantities = (*VOLTAGES, *LINE_VOLTAGES)
    signals = {
        p: _gauge(r, "voltage", quantities, r.signals.voltage, limit, "V") for p, r in parts.items() if p in points
    }
    return _judged(name, watched, parts, points, signals)


def _current(name: Name, watched: Watched, parts: Mapping[str, Record]) -> Condition:
    points = _electrical(watched)
    if not points:
        return Condition(name, "incomplete", missing=(Missing("", "no_point", (watched.end - watched.begin) / 1000),))
    only_power = {p for p, r in parts.items() if not _asked(r, CURRENTS) and _asked(r, _POWERS)}
    shown = {}
    for p, r in parts.items():
        limit = watched.limits.current * idle(r.signals, watched.limits)
        shown[p] = _gauge(r, "current", CURRENTS, r.signals.current, limit, "A")
    left = [p for p in points if p not in only_power]
    return _judged(name, watched, parts, left, shown) if left else Condition(name, "not_applicable", "not_measured")


def _power(name: Name, watched: Watched, parts: Mapping[str, Record]) -> Condition:
    points = [p for p in _electrical(watched) if p in parts and _asked(parts[p], _POWERS)]
    if not points:
        return Condition(name, "not_applicable", "not_measured")
    limit = watched.limits.power
    shown = {p: _gauge(r, "active_power", _POWERS, r.signals.power, limit, "W") for p, r in parts.items()}
    return _judged(name, watched, parts, points, shown)


def _energy(name: Name, watched: Watched, parts: Mapping[str, Record]) -> Condition:
    rules = energy_rules(watched.limits, 0.0)
    shown = {p: _register(r, "active_energy_import", r.signals.energy, rules, 1.0, "Wh") for p, r in parts.items()}
    return _judged(name, watched, parts, _electrical(watched), shown)


def _water(name: Name, watched: Watched, parts: Mapping[str, Record]) -> Condition:
    points = sorted(p for p, role in watched.roles.items() if role == "water")
    if not watched.limits.water_cut or not points:
        return Condition(name, "not_applicable", "no_point" if watched.limits.water_cut else "water_not_cut")
    rules = water_rules(watched.limits, 0.0)
    shown: dict[str, _Signal] = {}
    for p, r in parts.items():
        volume = _register(r, "water_volume", r.signals.water, rules, LITRE, "m³")
        flow = _gauge(r, "water_flow", ("water_flow",), r.signals.flow, watched.limits.water_flow, "m³/h")
        shown[p] = volume if _asked(r, ("water_volume",)) or not _asked(r, ("water_flow",)) else flow
        if shown[p] is volume and _asked(r, ("water_flow",)):
            shown[p] = _Signal(volume.quantities, [*volume.seen, *flow.seen], volume.times)
    return _judged(name, watched, parts, points, shown)


def _contacts(name: Name, watched: Watched, parts: Mapping[str, Record]) -> Condition:
    shown = {p: _closed(r) for p, r in parts.items() if _asked(r, CONTACTS)}
    points = sorted({*shown, *(p for p, role in watched.roles.items() if role == "contacts")})
    return _judged(name, watched, parts, points, shown) if points else Condition(name, "not_applicable", "no_point")


_CHECKS = {
    "voltage": _voltage, "current": _current, "power": _power, "energy": _energy, "water": _water,
    "contacts": _contacts,
}  # fmt: skip


def _asked(record: Record, quantities: Collection[str]) -> bool:
    """Whether the meter is read for any of some quantities."""
    return any(q in record.causes for q in quantities)


def _gauge(
    record: Record, name: str, quantities: tuple[str, ...], values: Floats | None, limit: Floats | float, unit: str
) -> _Signal:
    if values is None:
        return _Signal(quantities, [], np.empty(0, np.int64))
    there = np.flatnonzero(~np.isnan(values))
    limits = np.broadcast_to(limit, len(values))
    worst = int(there[np.argmax(values[there] / limits[there])])
    reading = Reading(record.point, name, float(values[worst]), int(record.times[worst]), record.origin(worst))
    seen = Seen(float(values[worst] / limits[worst]), float(limits[worst]), unit, reading)
    return _Signal(quantities, [seen], record.times[there])


def _register(
    record: Record, name: str, values: Floats | None, rules: RegisterRules, scale: float, unit: str
) -> _Signal:
    """How far a register has moved, either way; what is tolerated is what the detector tolerates in that time."""
    if values is None:
        return _Signal((name,), [], np.empty(0, np.int64))
    there = np.flatnonzero(~np.isnan(values))
    first = int(there[0])
    worst = int(there[np.argmax(np.abs(values[there] - values[first]))])
    step = _COARSEST
    for value in values[there].tolist():
        step = coarsest_step(step, value)
    limit = rules.allowance + step + rules.leak * float(record.times[there[-1]] - record.times[first]) / 1000
    begin, end = (
        Reading(record.point, name, float(values[i]) / scale, int(record.times[i]), record.origin(i))
        for i in (first, worst)
    )
    share = abs(float(values[worst] - values[first])) / limit
    return _Signal((name,), [Seen(share, limit / scale, unit, end, begin)], record.times[there])


def _closed(record: Record) -> _Signal:
    """Contacts: 0 where one shows what it must, 2 where not."""
    seen, times = [], []
    for name, wrong in record.signals.contacts.items():
        there = np.flatnonzero(~np.isnan(wrong))
        worst = int(there[np.argmax(wrong[there])])
        must = 1.0 - CONTACTS[name]
        shown = must if wrong[worst] == 0 else CONTACTS[name]
        reading = Reading(record.point, name, shown, int(record.times[worst]), record.origin(worst))
        seen.append(Seen(2.0 * float(wrong[worst]), must, "1", reading))
        times.append(record.times[there])
    asked = tuple(name for name in CONTACTS if _asked(record, (name,)))
    silent = len(seen) < len(asked) or not times
    return _Signal(asked, seen, np.empty(0, np.int64) if silent else min(times, key=len))


def _judged(
    name: Name, watched: Watched, parts: Mapping[str, Record], points: Collection[str], shown: Mapping[str, _Signal]
) -> Condition:
    seen = [s for p in points if p in shown for s in shown[p].seen]
    missing = tuple(m for p in points for m in _missing(watched, p, parts.get(p), shown.get(p)))
    worst = max(seen, key=lambda s: s.share, default=None)
    failed = worst is not None and worst.share > 1
    return Condition(name, "failed" if failed else "incomplete" if missing else "passed", None, worst, missing)


def _missing(watched: Watched, point: str, record: Record | None, signal: _Signal | None) -> Iterator[Missing]:
    """What is missing of a point, by cause, the longest first."""
    whole = (watched.end - watched.begin) / 1000
    if record is None or not len(record) or signal is None:
        yield Missing(point, NO_SAMPLE, whole)
        return
    if not _asked(record, signal.quantities):
        yield Missing(point, NOT_READ, whole)
        return
    found: dict[str, float] = {}
    for begin, end in _gaps(watched, signal.times):
        first, last = np.searchsorted(record.times, [begin, end + 1]).tolist()
        cause = record.why(signal.quantities, first, last) or NO_SAMPLE
        found[cause] = found.get(cause, 0.0) + (end - begin) / 1000
    yield from (Missing(point, c, s) for c, s in sorted(found.items(), key=lambda x: (-x[1], x[0])))


def _gaps(watched: Watched, times: Ints) -> Iterator[tuple[int, int]]:
    """Where readings are missing, ms: longer than the detectors would wait for one, at both ends too."""
    if len(times) < 2:
        yield watched.begin, watched.end
        return
    allowed = allowed_between(times)
    edges = [watched.begin, *times.tolist(), watched.end]
    last = longest_between(np.diff(times[-6:] / 1000).tolist())
    for (begin, end), seconds in zip(pairwise(edges), [*allowed.tolist(), last], strict=True):
        if end - begin > 1000 * seconds:
            yield begin, end
