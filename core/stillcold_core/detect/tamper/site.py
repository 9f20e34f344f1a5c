"""Tampering across the points of a site: the incomer against its feeders, water against power."""

from collections.abc import Mapping

import msgspec
import numpy as np

from stillcold_core.detect.deadline import POWERS
from stillcold_core.detect.detector import Detector
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.saving import decode_state
from stillcold_core.detect.tamper import balance, water
from stillcold_core.detect.tamper.balance import Balance
from stillcold_core.detect.tamper.edges import Edges, count
from stillcold_core.detect.tamper.watched_site import Metered, WatchedSite
from stillcold_core.detect.tamper.water import Dry
from stillcold_core.readings import Sample
from stillcold_core.samples import Floats, Samples, by_columns

STATE_VERSION = 2
_OVERLOAD = 10.0  # multiple of the rated power above which an advance of the register is not believed
_TORRENT = 1e4  # m³/h, the same for water


class SiteState(msgspec.Struct, frozen=True):
    """What the detector remembers of a site.

    Attributes
    ----------
    points : mapping of str to Edges
        By point.
    balance : Balance
        Of incomer and feeders.
    dry : mapping of str to Dry
        By water meter.
    """

    version: int = STATE_VERSION
    points: Mapping[str, Edges] = {}
    balance: Balance = Balance()
    dry: Mapping[str, Dry] = {}


def advance(watched: WatchedSite, state: SiteState, samples: Samples) -> tuple[SiteState, list[Finding]]:
    """Judge samples of any point of the site.

    Samples of one point must come in order of time; points may run ahead of each other by up to three hours. A period
    is judged by the sample that completes it for all points.

    Parameters
    ----------
    watched : WatchedSite
        The site; samples of points that it does not name are left aside.
    state : SiteState
        Before the samples; not changed.
    samples : Samples
        Of one point.
    """
    metered = watched.points.get(samples.point)
    if metered is None:
        return state, []
    counted, findings = state.points.get(samples.point, Edges()), list[Finding]()
    rates, readings, most = _shown(watched, metered, samples)
    points, balanced, dry, first = dict(state.points), state.balance, state.dry, 0
    while first < len(samples):
        counted, first, passed = count(counted, samples.times, rates, readings, most, first)
        if passed:
            points[samples.point] = counted
            balanced, said = balance.observe(watched, balanced, points)
            findings += said
            dry, said = water.observe(watched, dry, points)
            findings += said
    points[samples.point] = counted
    return SiteState(state.version, points, balanced, dry), findings


def step(watched: WatchedSite, state: SiteState, sample: Sample) -> tuple[SiteState, list[Finding]]:
    """Judge one sample."""
    return advance(watched, state, by_columns([sample]))


def _shown(watched: WatchedSite, metered: Metered, samples: Samples) -> tuple[Floats, Floats, float]:
    """Rates, readings, and what the register cannot advance in an hour."""
    if metered.point in watched.waters:
        return _column(samples, "water_flow"), _column(samples, "water_volume"), _TORRENT
    power, readings = _column(samples, "active_power"), _column(samples, "active_energy_import")
    if np.isnan(power).any():
        power = np.where(np.isnan(power), sum(_column(samples, name) for name in POWERS), power)
    # A meter that starts up or is busy shows zeros.
    return power, np.where(readings == 0, np.nan, readings), _OVERLOAD * metered.rated_power


def _column(samples: Samples, name: str) -> Floats:
    column = samples.columns.get(name)
    return np.full(len(samples), np.nan) if column is None else column


def save(state: SiteState) -> bytes:
    """The state as bytes that :func:`restore` reads in any process."""
    return msgspec.msgpack.encode(state)


def restore(data: bytes) -> SiteState:
    """Read a saved state.

    Raises
    ------
    ValueError
        When it was saved by another version of the detector.
    """
    return decode_state(data, SiteState, version=STATE_VERSION, detector="a site's tamper detector")


DETECTOR = Detector("tamper.site", STATE_VERSION, "site", SiteState, advance, save, restore)
