"""The account of a day of a sealed line: how long it was proved dead or live, how long nothing is known, and why.

Every millisecond of the day counts under exactly one of the three. What each sample proves is the word of the detector
of restarts, which begins anew two hours before the day: so the same stored batches give the same account at any time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stillcold_core.detect.alarms import Place
from stillcold_core.detect.deadline import CURRENTS, LINE_VOLTAGES, POWERS, VOLTAGES
from stillcold_core.detect.deadpoint import DEAD, LIVE, UNKNOWN, PointState, trace
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.restart import SealedLine
from stillcold_core.proof.records import ELECTRICAL, Ints, Record, allowed_between
from stillcold_core.proof.sealing import Reading

LEAD = 7_200_000
"""ms before a day from which on samples are judged: six readings of a meter that is read every quarter of an hour show
how often it is read, and what its register showed before midnight."""
TAIL = 3_600_000
"""ms after a day in which the sample is looked for that proves the day's last minutes."""
BEFORE_SEALING, NO_BATCH, SILENT, DOUBTFUL, NO_POINT = (
    "before_sealing", "no_batch", "gateway_silent", "doubtful", "no_point",
)  # fmt: skip
"""Causes beside those of absent readings: the line was not sealed yet; batches have not come; the gateway's chain is
whole and holds nothing; there are readings, and they prove neither; no point measures electricity."""
_QUANTITIES = ("active_power", *POWERS, *CURRENTS, "active_energy_import", *VOLTAGES, *LINE_VOLTAGES)
_UNCERTAIN = int(UNKNOWN)


@dataclass(frozen=True, slots=True)
class Register:
    """How far a point's energy register moved: from the last reading before the day, or its first, to its last."""

    first: Reading
    last: Reading

    @property
    def delta(self) -> float:
        """Wh"""
        return self.last.value - self.first.value


@dataclass(frozen=True, slots=True)
class Account:
    """A day of a line; times in ms.

    Attributes
    ----------
    dead, live, unknown : int
        ms; together as long as the period.
    causes : mapping of str to int
        ms unknown by cause; together ``unknown``.
    current, power : Reading, optional
        The largest of all points: phase current (A), active power (W, the sign put aside).
    registers : sequence of Register
        Of each electrical point.
    findings : sequence of Finding
        What the detector finds in these samples that began within the period.
    samples : int
        Of the period.
    """

    begin: int
    end: int
    dead: int
    live: int
    unknown: int
    causes: Mapping[str, int]
    current: Reading | None = None
    power: Reading | None = None
    registers: Sequence[Register] = ()
    findings: Sequence[Finding] = ()
    samples: int = 0


Chains = Callable[[Record, int], bool]
"""Whether between the batches of a record's samples ``i - 1`` and ``i`` no batch of their journal is missing."""


@dataclass(frozen=True)
class _Spans:
    """Of one point: what each period between two samples proves, and why it proves nothing."""

    times: Ints
    codes: npt.NDArray[np.int8]  # one more than times: before the first, and after the last
    causes: list[str]  # the same
    findings: list[Finding] = field(default_factory=list)


def account(
    line: SealedLine, roles: Mapping[str, str], records: Mapping[str, Record], begin: int, end: int, whole: Chains
) -> Account:
    """Account for a period of a line.

    Parameters
    ----------
    line : SealedLine
        As the detector needs it.
    roles : mapping of str to str
        Of its points.
    records : mapping of str to Record
        By point, from :data:`LEAD` before the period to :data:`TAIL` after it.
    begin, end : int
        ms UTC; ``end`` is not included.
    whole : callable
        Tells batches that have not come from a gateway that recorded nothing.
    """
    sealed = round(1000 * line.sealed_at)
    known = {p: records[p].part(sealed, end + TAIL) for p in sorted(roles) if p in records}
    spans = {p: _spans(line, record, whole) for p, record in known.items()}
    proving = [p for p in sorted(roles) if roles[p] in ELECTRICAL]
    moments = [np.array([begin, min(max(begin, sealed), end), end], np.int64), *(s.times for s in spans.values())]
    edges = np.unique(np.concatenate(moments))
    edges = edges[(edges >= begin) & (edges <= end)]
    codes, causes = _together(edges, spans, proving, sealed)
    lengths = np.diff(edges)
    within = {p: known[p].part(begin, end - 1) for p in proving if p in known}
    dead, live, unknown = (int(lengths[codes == int(code)].sum()) for code in (DEAD, LIVE, UNKNOWN))
    return Account(
        begin, end, dead, live, unknown, _by_cause(lengths[codes == _UNCERTAIN], causes),
        _largest(within, "current"), _largest(within, "active_power"),
        [r for p in within for r in _registers(known[p], begin, end)],
        [f for s in spans.values() for f in s.findings if begin <= 1000 * f.began < end],
        sum(len(r.part(begin, end - 1)) for r in known.values()),
    )  # fmt: skip


def _spans(line: SealedLine, record: Record, whole: Chains) -> _Spans:
    if not len(record):
        return _Spans(record.times, np.array([_UNCERTAIN], np.int8), [NO_BATCH])
    place = Place(line.site, line.line, record.point)
    _, findings, traced = trace(place, line.limits, line.rules, PointState(), record.samples)
    seconds = record.times / 1000
    gap = np.diff(seconds, prepend=-np.inf) > _allowed(record, traced.allowed)
    codes = np.where(gap, UNKNOWN, traced.proved).astype(np.int8)
    causes = [""] * len(codes)
    for i in np.flatnonzero(codes == _UNCERTAIN).tolist():
        causes[i] = _cause(record, i, whole) if gap[i] else record.why(_QUANTITIES, i, i + 1) or DOUBTFUL
    causes[0] = NO_BATCH
    codes[0] = _UNCERTAIN
    last = {f.id: f for f in findings}
    return _Spans(record.times, np.append(codes, np.int8(_UNCERTAIN)), [*causes, NO_BATCH], list(last.values()))


def _allowed(record: Record, known: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Seconds that a sample may be away: nothing is waited for without end while the cadence is not known."""
    return np.where(np.isinf(known), allowed_between(record.times), known)


def _cause(record: Record, i: int, whole: Chains) -> str:
    return SILENT if i > 0 and whole(record, i) else NO_BATCH


def _together(
    edges: Ints, spans: Mapping[str, _Spans], proving: Sequence[str], sealed: int
) -> tuple[npt.NDArray[np.int8], list[str]]:
    """What each period between two edges proves, and why, of those that prove nothing."""
    starts = edges[:-1]
    where = {p: np.searchsorted(s.times, starts, side="right") for p, s in spans.items()}
    shown = {p: spans[p].codes[at] for p, at in where.items()}
    nothing = np.full(len(starts), _UNCERTAIN, np.int8)
    live = np.any([c == int(LIVE) for c in shown.values()] or [nothing == int(LIVE)], axis=0)
    dead = np.all([shown.get(p, nothing) == int(DEAD) for p in proving] or [nothing == int(DEAD)], axis=0)
    codes = np.where(live, np.int8(LIVE), np.where(dead, np.int8(DEAD), np.int8(UNKNOWN))).astype(np.int8)
    codes[starts < sealed] = _UNCERTAIN
    causes = []
    for i in np.flatnonzero(codes == _UNCERTAIN).tolist():
        if starts[i] < sealed:
            causes.append(BEFORE_SEALING)
        else:
            causes.append(next(_whys(i, spans, where, shown, proving), NO_POINT))
    return codes, causes


def _whys(
    i: int, spans: Mapping[str, _Spans], where: Mapping[str, Ints], shown: Mapping[str, npt.NDArray[np.int8]],
    proving: Sequence[str],
) -> Iterator[str]:  # fmt: skip
    """Why the points that must prove it prove nothing."""
    for p in proving:
        if p not in spans:
            yield NO_BATCH
        elif shown[p][i] == _UNCERTAIN:
            yield spans[p].causes[int(where[p][i])]


def _by_cause(lengths: Ints, causes: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for length, cause in zip(lengths.tolist(), causes, strict=True):
        found[cause] = found.get(cause, 0) + length
    return dict(sorted(found.items()))


def _largest(records: Mapping[str, Record], quantity: str) -> Reading | None:
    found: list[Reading] = []
    for record in records.values():
        values = record.signals.current if quantity == "current" else record.signals.power
        if values is not None:
            i = int(np.nanargmax(values))
            found.append(Reading(record.point, quantity, float(values[i]), int(record.times[i]), record.origin(i)))
    return max(found, key=lambda r: r.value, default=None)


def _registers(record: Record, begin: int, end: int) -> Iterator[Register]:
    values = record.signals.energy
    if values is None:
        return
    there = np.flatnonzero(~np.isnan(values) & (record.times < end))
    inside = there[record.times[there] >= begin]
    if len(inside):
        before = there[record.times[there] < begin]
        first = int(before[-1]) if len(before) else int(inside[0])
        yield Register(_energy(record, values, first), _energy(record, values, int(inside[-1])))


def _energy(record: Record, values: npt.NDArray[np.float64], i: int) -> Reading:
    return Reading(record.point, "active_energy_import", float(values[i]), int(record.times[i]), record.origin(i))
