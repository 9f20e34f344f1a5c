"""The real recordings, where they are at hand."""

from collections.abc import Iterator

import numpy as np
import pytest

from bench.detect.judges import Known, alerts, baselines, furnace
from bench.detect.trace import DAY, OURS, Heats, Trace
from stillcold_core.detect.tamper import point
from stillcold_core.detect.tamper.watched import WatchedPoint
from stillcold_core.samples import Samples, by_columns
from support.plants import real_furnace, steel_plant


def traces() -> Iterator[Trace]:
    """Of the melting furnace, by all that its meter shows and by power alone, and of the steel plant."""
    try:
        melting, steel = by_columns(list(real_furnace())), by_columns(sorted(steel_plant(), key=lambda s: s.time))
    except pytest.skip.Exception:
        return
    yield from _melting(melting)
    yield from _steel(steel)


def _melting(samples: Samples) -> Iterator[Trace]:
    power = samples.columns["active_power"]
    begins = float(samples.times[np.argmax(power > 20e3)] - samples.times[0] + 60)
    days = float(samples.times[-1] - samples.times[0]) / DAY
    for view, names in {"all": tuple(samples.columns), "power": ("active_power",)}.items():
        part = Samples("p", samples.times, {n: samples.columns[n] for n in names}, samples.monotonic)
        known = Known(
            "furnace", "real furnace", f"{view}, 60 s", "real", 0, 60.0, part, days, 450e3, begins, days * DAY,
            Heats([(0.0, 93 * 60.0)], 450e3),
        )  # fmt: skip
        yield furnace(known)
    yield _untampered(samples, 450e3, "real furnace", 60.0, 277.0)


def _steel(samples: Samples) -> Iterator[Trace]:
    days = len(samples) / 96
    scale = float(np.max(samples.columns["active_power"][: 7 * 96]))
    known = Known("legal", "real steel plant", "power, 900 s", "real", 0, 900.0, samples, days, scale)
    yield furnace(known)
    yield from baselines(known)
    energy = np.cumsum(samples.columns["active_power"]) / 4
    columns = {**samples.columns, "active_energy_import": energy}
    with_register = Samples("p", samples.times, columns, samples.monotonic)
    yield _untampered(with_register, 700e3, "real steel plant", 900.0, 220.0)


def _untampered(samples: Samples, rated: float, kind: str, cadence: float, volts: float) -> Trace:
    found = alerts(point.DETECTOR, WatchedPoint("s", "l", rated, volts), [samples])
    days = float(samples.times[-1] - samples.times[0]) / DAY
    return Trace("tamper", kind, f"all, {cadence:g} s", OURS, "real", 0, cadence, days, [1.0 for _ in found])
