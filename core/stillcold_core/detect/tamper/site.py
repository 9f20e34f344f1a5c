"""Tampering across the points of a site: the incomer against its feeders, water against power."""

from collections.abc import Mapping

import msgspec

from stillcold_core.detect.detector import Detector, one_by_one
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.saving import decode_state
from stillcold_core.detect.tamper import balance, water
from stillcold_core.detect.tamper.balance import Balance
from stillcold_core.detect.tamper.edges import Edges, count
from stillcold_core.detect.tamper.watched_site import Metered, WatchedSite
from stillcold_core.detect.tamper.water import Dry
from stillcold_core.readings import Sample

STATE_VERSION = 1
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


def step(watched: WatchedSite, state: SiteState, sample: Sample) -> tuple[SiteState, list[Finding]]:
    """Judge one sample of any point of the site.

    Samples of one point must come in order of time; points may run ahead of each other by up to three hours. A period
    is judged by the sample that completes it for all points.

    Parameters
    ----------
    watched : WatchedSite
        The site; samples of points that it does not name are left aside.
    state : SiteState
        Before the sample; not changed.
    sample : Sample
        One moment of one point.
    """
    metered = watched.points.get(sample.point)
    if metered is None:
        return state, []
    before = state.points.get(sample.point, Edges())
    after = _counted(watched, before, metered, sample)
    state = SiteState(state.version, {**state.points, sample.point: after}, state.balance, state.dry)
    if after.at is before.at:
        return state, []
    balanced, findings = balance.observe(watched, state.balance, state.points)
    dry, said = water.observe(watched, state.dry, state.points)
    return SiteState(state.version, state.points, balanced, dry), findings + said


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


def _counted(watched: WatchedSite, before: Edges, metered: Metered, sample: Sample) -> Edges:
    if sample.point in watched.waters:
        rate, reading = sample.number("water_flow"), sample.number("water_volume")
        return count(before, sample.time, rate, reading, _TORRENT)
    rate, reading = sample.number("active_power"), sample.number("active_energy_import")
    if reading == 0 and before.reading:
        reading = None  # a meter that starts up or is busy
    return count(before, sample.time, rate, reading, _OVERLOAD * metered.rated_power)


DETECTOR = Detector("tamper.site", STATE_VERSION, "site", SiteState, one_by_one(step), save, restore)
