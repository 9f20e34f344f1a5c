"""The benchmark's tables, as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from bench.detect.cold import WITHIN
from bench.detect.stats import PER_MONTH, calibrated, false_rate, poisson, wilson
from bench.detect.trace import OURS, Trace

Found = Mapping[str, Sequence[Trace]]
GROUPS = {
    "simulated feeders, THD, 60 s": "thd, 60 s",
    "simulated feeders, power, 15 min": "power, 900 s",
    "load profiles, power, 15 min": "power profile, 900 s",
}
"""What the baselines are judged on besides, and on which meter."""


def report(found: Found, speed: Mapping[str, float]) -> str:
    """All tables."""
    main = [t for t in found["main"] if t.split == "test"]
    parts = [
        _section("Furnaces", _furnaces(main)),
        _section("Against what a user would set up otherwise", _compared(found["main"])),
        _section("Restarts", _events([t for t in main if t.family == "restart"])),
        _section("Tampering", _events([t for t in main if t.family == "tamper"])),
        _section("False alerts", _false(main)),
        _section("Real recordings", _real(found)),
        _section("Cold start", _cold(found["cold"])),
        _section("Throughput", _speed(speed)),
    ]
    return "\n\n".join(parts)


def _section(title: str, rows: Iterable[Sequence[str]]) -> str:
    head, *body = list(rows)
    lines = [head, ["---"] * len(head), *body]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in lines)


def share(hits: int, of: int) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not of:
        return "–"
    low, high = wilson(hits, of)
    return f"{hits}/{of} ({low:.2f}–{high:.2f})"


def rate(events: int, years: float) -> str:
    """Events a meter-year with their exact 95 % interval (Poisson)."""
    if not years:
        return "–"
    low, high = poisson(events)
    return f"{events / years:.2f} ({low / years:.2f}–{high / years:.2f}); {events} in {years * 365.25:.0f} d"


def ours(traces: Iterable[Trace]) -> list[Trace]:
    """Only what Stillcold said."""
    return [t for t in traces if t.judge == OURS]


def large(trace: Trace) -> bool:
    """Whether its furnace is told of: any, by its power a fifth of the feeder's."""
    return trace.family == "furnace" and bool(trace.heats.times)


def _furnaces(traces: Sequence[Trace]) -> Iterator[Sequence[str]]:
    yield "furnace", "meter", "first heat", "two heats", "ever", "median delay", "heats", "MWh before the alert"
    found = [t for t in ours(traces) if large(t)]
    for kind, meter in dict.fromkeys((t.kind, t.meter) for t in found):
        mine = [t for t in found if (t.kind, t.meter) == (kind, meter)]
        delays = [d for t in mine if (d := t.delay(1.0)) is not None]
        row = [share(sum(t.within(1.0, n) for t in mine), len(mine)) for n in (1, 2)]
        yield kind, meter, *row, share(len(delays), len(mine)), *_costs(mine, delays)


def _costs(traces: Sequence[Trace], delays: Sequence[float]) -> Sequence[str]:
    """Median delay, heats that were over and MWh melted before the alert."""
    if not delays:
        return "–", "–", "–"
    told = [(t, d) for t in traces if (d := t.delay(1.0)) is not None]
    heats = float(np.median([sum(b < d for _, b in t.heats.times) for t, d in told]))
    energy = float(np.median([t.heats.energy(d) for t, d in told])) / 1e6
    return f"{np.median(delays) / 60:.0f} min", f"{heats:g}", f"{energy:.2f}"


def _compared(traces: Sequence[Trace]) -> Iterator[Sequence[str]]:
    yield "stream", "judge", "threshold", "first heat", "two heats", "ever", "false alerts a meter-year"
    for group, meter in GROUPS.items():
        mine = compared(traces, meter)
        for judge in dict.fromkeys(t.judge for t in mine):
            of_one = [t for t in mine if t.judge == judge]
            if judge != OURS and not any(t.split == "calibrate" for t in of_one):
                continue
            test = [t for t in of_one if t.split == "test"]
            threshold = threshold_of(of_one)
            hidden = [t for t in test if large(t)]
            hits = [share(sum(t.within(threshold, n) for t in hidden), len(hidden)) for n in (1, 2)]
            ever = share(sum(t.delay(threshold) is not None for t in hidden), len(hidden))
            yield group, judge, f"{threshold:.4g}", *hits, ever, rate(*false_rate(test, threshold))


def compared(traces: Iterable[Trace], meter: str) -> list[Trace]:
    """Hidden furnaces and legal feeders on one meter; no sealed lines."""
    return [t for t in traces if t.meter == meter and _whose(t) == "furnace"]


def threshold_of(traces: Sequence[Trace]) -> float:
    """Ours is what it runs with; a baseline's keeps to one false alert a meter-month on the calibration sites."""
    if traces[0].judge == OURS:
        return 1.0
    return calibrated([t for t in traces if t.split == "calibrate"], PER_MONTH)


def _events(traces: Sequence[Trace]) -> Iterator[Sequence[str]]:
    """By what happened and what the meter shows, a column a cadence."""
    found = ours(traces)
    cadences = sorted({t.cadence for t in found})
    yield "what", "meter shows", *(f"every {c:g} s: found, median delay" for c in cadences)
    for kind, view in dict.fromkeys((t.kind, t.meter.partition(",")[0]) for t in found):
        mine = [t for t in found if t.kind == kind and t.meter.startswith(f"{view},")]
        yield kind, view, *(_event([t for t in mine if t.cadence == c]) for c in cadences)


def _event(traces: Sequence[Trace]) -> str:
    """Share found, and the middle of their delays, in samples too."""
    delays = [d for t in traces if (d := t.delay(1.0)) is not None]
    if not delays:
        return f"0/{len(traces)}"
    middle = float(np.median(delays))
    return f"{len(delays)}/{len(traces)}, {_time(middle)} ({middle / traces[0].cadence:.1f} samples)"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _false(traces: Sequence[Trace]) -> Iterator[Sequence[str]]:
    yield "family", "meter", "false alerts a meter-year", "by kind"
    found = [t for t in ours(traces) if t.days]
    for family, meter in dict.fromkeys((_whose(t), t.meter) for t in found):
        mine = [t for t in found if (_whose(t), t.meter) == (family, meter)]
        blamed = {
            k: n for k in dict.fromkeys(t.kind for t in mine) if (n := sum(t.false(1.0) for t in mine if t.kind == k))
        }
        yield family, meter, rate(*false_rate(mine, 1.0)), ", ".join(f"{k} {n}" for k, n in blamed.items())


def _whose(trace: Trace) -> str:
    if trace.kind == "dead line" or trace.family == "restart":
        return "restart"
    return "tamper" if trace.kind == "plant with faults" or trace.family == "tamper" else "furnace"


def _real(found: Found) -> Iterator[Sequence[str]]:
    yield "recording", "meter", "judge", "first alert", "false alerts a meter-year"
    if not found["real"]:
        yield "not here", "", "", "", ""
    simulated = compared(found["main"], GROUPS["simulated feeders, power, 15 min"])
    for trace in found["real"]:
        same = [t for t in simulated if t.judge == trace.judge]
        if trace.judge != OURS and not same:
            continue
        threshold = 1.0 if trace.judge == OURS else threshold_of(same)
        delay = trace.delay(threshold)
        first = "–" if trace.family != "furnace" else "never" if delay is None else _time(delay)
        name = f"{trace.kind} ({'tampering' if trace.family == 'tamper' else 'furnace'})"
        yield name, trace.meter, trace.judge, first, rate(*false_rate([trace], threshold))


def _cold(traces: Sequence[Trace]) -> Iterator[Sequence[str]]:
    yield "family", "meter", *(f"within {name}" for name in WITHIN)
    for family, meter in dict.fromkeys((t.family, t.meter) for t in traces):
        mine = [t for t in traces if (t.family, t.meter) == (family, meter)]
        delays = [t.delay(1.0) for t in mine]
        yield (
            family,
            meter,
            *(share(sum(d is not None and d <= limit for d in delays), len(mine)) for limit in WITHIN.values()),
        )


def _speed(speed: Mapping[str, float]) -> Iterator[Sequence[str]]:
    yield "what", "µs a sample at 1 Hz", "points a core at 1 Hz", "times all detectors"
    whole = speed["all detectors"]
    for name, cost in speed.items():
        yield name, f"{cost:.2f}", f"{1e6 / cost:,.0f}", f"{cost / whole:.2f}"
