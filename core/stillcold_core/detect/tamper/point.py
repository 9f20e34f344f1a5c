"""Tampering at one point: everything that its own samples tell."""

import msgspec

from stillcold_core.detect.detector import Detector
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.saving import decode_state
from stillcold_core.detect.tamper import clock, contradiction, identity, integral, pattern, register
from stillcold_core.detect.tamper.clock import IN_ORDER, Clock
from stillcold_core.detect.tamper.contradiction import Contradiction
from stillcold_core.detect.tamper.identity import Identity
from stillcold_core.detect.tamper.integral import Integral
from stillcold_core.detect.tamper.pattern import Pattern
from stillcold_core.detect.tamper.register import Register
from stillcold_core.detect.tamper.table import Table, rows_of
from stillcold_core.detect.tamper.watched import WatchedPoint, credible
from stillcold_core.readings import Sample
from stillcold_core.samples import Samples, by_columns

STATE_VERSION = 4


class PointState(msgspec.Struct, frozen=True):
    """What the detector remembers of one point."""

    version: int = STATE_VERSION
    clock: Clock = Clock()
    pattern: Pattern = Pattern()
    identity: Identity = Identity()
    register: Register = Register()
    contradiction: Contradiction = Contradiction()
    integral: Integral = Integral()


def advance(watched: WatchedPoint, state: PointState, samples: Samples) -> tuple[PointState, list[Finding]]:
    """Judge samples of a feeder or incomer.

    Parameters
    ----------
    watched : WatchedPoint
        The samples' point.
    state : PointState
        Before the samples; not changed.
    samples : Samples
        What is absent tells nothing. A sample that is not later than the last one tells only of the clock, and is
        counted in ``state.clock.late``.

    Returns
    -------
    state : PointState
        After the samples.
    findings : list of Finding
        What each sample decided, and again, with ``ended``, what it ended.
    """
    now, orders, findings = clock.observe(watched, state.clock, samples)
    rows = rows_of(samples)
    table = Table(samples, rows, credible(watched, rows) & (orders == IN_ORDER))
    seen, repeated, said = pattern.observe(watched, state.pattern, table)
    findings += said
    history, said = identity.observe(watched, state.identity, table)
    findings += said
    counted, believed, said = register.observe(watched, state.register, table, orders, repeated, history)
    findings += said
    odd, said = contradiction.observe(watched, state.contradiction, table)
    findings += said
    summed, said = integral.observe(watched, state.integral, table, believed)
    findings += said
    findings.sort(key=lambda found: found[0])  # stable: at one sample in the order in which it is looked at
    after = PointState(state.version, now, seen, history[-1][1], counted, odd, summed)
    return after, [finding for _, finding in findings]


def step(watched: WatchedPoint, state: PointState, sample: Sample) -> tuple[PointState, list[Finding]]:
    """Judge one sample."""
    return advance(watched, state, by_columns([sample]))


def save(state: PointState) -> bytes:
    """The state as bytes that :func:`restore` reads in any process."""
    return msgspec.msgpack.encode(state)


def restore(data: bytes) -> PointState:
    """Read a saved state.

    Raises
    ------
    ValueError
        When it was saved by another version of the detector.
    """
    return decode_state(data, PointState, version=STATE_VERSION, detector="the tamper detector")


DETECTOR = Detector("tamper.point", STATE_VERSION, "point", PointState, advance, save, restore)
