"""The families furnace and legal: simulated feeders with and without a hidden furnace, at what meters show of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bench.detect.judges import FACTORS, Known, baselines, furnace
from bench.detect.trace import DAY, Heats, Trace
from stillcold_core.samples import Samples
from support import power_profiles
from support.feeders import LEGAL, VIEWS, Recorded, Site, hidden, legal, line_frequency, play

BESIDE = ("motors", "vfd", "oven", "shop", "foundry shop", "workshop")
COMPARED = (("thd", 60.0), ("power", 900.0))
"""Meters on which the baselines are judged too."""
MORE = (("thd", 10.0), ("u-i", 60.0), ("phases", 60.0), ("thd", 300.0), ("power", 60.0))
LINE_METERS = (("phases", 10.0), ("phases", 60.0))
_BEFORE = 8  # days that a feeder is watched before its furnace is lit
_LEGAL_DAYS = 9.0


def simulated(kind: str, name: str, split: str, number: int) -> Iterator[Trace]:
    """A feeder of the simulators, played once and judged on every meter."""
    meters = LINE_METERS if kind == "line frequency" else COMPARED if split == "calibrate" else (*COMPARED, *MORE)
    yield from _judged(kind, name, split, number, meters)


def compared(kind: str, name: str, split: str, number: int) -> Iterator[Trace]:
    """A feeder of the simulators, judged on the meters that all judges are compared on."""
    yield from _judged(kind, name, split, number, COMPARED)


def _judged(kind: str, name: str, split: str, number: int, meters: Sequence[tuple[str, float]]) -> Iterator[Trace]:
    site = _site(kind, name, number)
    record = play(site)
    for view, every in meters:
        known = _known(kind, name, split, site, record, view, every)
        beside = (view, every) in COMPARED
        if split != "calibrate":  # ours runs with what it has
            yield furnace(known, FACTORS if beside else (1.0,))
        if beside:
            yield from baselines(known)


def _site(kind: str, name: str, number: int) -> Site:
    if kind == "legal":
        return legal(name, number, _LEGAL_DAYS)
    furnace_ = line_frequency(np.random.default_rng([number, 7])) if kind == "line frequency" else None
    return hidden(name, number, _BEFORE + 1.4, furnace_, first=_BEFORE)


def _known(kind: str, name: str, split: str, site: Site, record: Recorded, view: str, every: float) -> Known:
    samples = shown(record, view, every)
    history = record.columns["active_power"][record.times < 3 * DAY]
    more: dict[str, Any] = {}
    if record.heats:
        begins = record.heats[0][0]
        times = [(a - begins, b - begins) for a, b in record.heats]
        more = {"begins": begins, "lasts": site.days * DAY - begins, "heats": Heats(times, _rated(site))}
    family = "legal" if kind == "legal" else "furnace"
    return Known(
        family, name if kind == "legal" else kind, f"{view}, {every:g} s", split, site.seed, every, samples,
        site.days, float(np.max(history)), **more,
    )  # fmt: skip


def _rated(site: Site) -> float:
    return float(getattr(site.furnace, "power", 0.0))


def shown(record: Recorded, view: str, every: float) -> Samples:
    """What a meter shows of a feeder; of 15 min the mean, as load profiles are."""
    n = round(every / float(record.times[1] - record.times[0]))
    whole = len(record.times) // n * n
    blocks = {q: record.columns[q][:whole].reshape(-1, n).astype(np.float64) for q in VIEWS[view]}
    columns = {q: b.mean(axis=1) if every >= 900 else b[:, -1].copy() for q, b in blocks.items()}
    times = 1.7e9 // DAY * DAY + record.times[:whole].reshape(-1, n)[:, -1] + record.times[1]
    return Samples("p", times, columns, np.zeros(len(times)))


def by_power(kind: str, name: str, split: str, number: int) -> Iterator[Trace]:
    """A feeder by the field's rules of thumb, as a load profile of 15 min."""
    if kind == "legal":
        feeder = power_profiles.honest(name, number, 90.0)
    else:
        feeder = power_profiles.hiding(name, number, before=21.0, days=2.0)
    more: dict[str, Any] = {}
    if feeder.heats:
        begins = feeder.heats[0][0]
        heats = Heats([(a - begins, b - begins) for a, b in feeder.heats], feeder.power)
        more = {"begins": begins, "lasts": feeder.days * DAY - begins, "heats": heats}
    for show in ("power", "register"):
        samples = feeder.samples(900.0, show)
        scale = float(np.max(feeder.means(900.0)[1][: 3 * 96]))
        known = Known(
            "legal" if kind == "legal" else "furnace", name if kind == "legal" else kind, f"{show} profile, 900 s",
            split, number, 900.0, samples, feeder.days, scale, **more,
        )  # fmt: skip
        if split != "calibrate":
            yield furnace(known, FACTORS if show == "power" else (1.0,))
        if show == "power":
            yield from baselines(known)


HIDDEN = [("furnace", name) for name in BESIDE]
SIMULATED = [("legal", name) for name in LEGAL] + HIDDEN
LINE = [("line frequency", name) for name in ("motors", "oven", "shop")]
PROFILES = [("legal", name) for name in power_profiles.HONEST] + [("furnace", name) for name in power_profiles.BESIDE]
