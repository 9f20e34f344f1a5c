"""Tampering at one point: everything that its own samples tell."""

import msgspec

from stillcold_core.detect.detector import Detector, one_by_one
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.saving import decode_state
from stillcold_core.detect.tamper import clock, contradiction, identity, integral, pattern, register
from stillcold_core.detect.tamper.clock import Clock
from stillcold_core.detect.tamper.contradiction import Contradiction
from stillcold_core.detect.tamper.identity import Identity
from stillcold_core.detect.tamper.integral import Integral
from stillcold_core.detect.tamper.pattern import Pattern
from stillcold_core.detect.tamper.register import Register
from stillcold_core.detect.tamper.watched import WatchedPoint, credible
from stillcold_core.readings import Sample

STATE_VERSION = 1


class PointState(msgspec.Struct, frozen=True):
    """What the detector remembers of one point."""

    version: int = STATE_VERSION
    clock: Clock = Clock()
    pattern: Pattern = Pattern()
    identity: Identity = Identity()
    register: Register = Register()
    contradiction: Contradiction = Contradiction()
    integral: Integral = Integral()


def step(watched: WatchedPoint, state: PointState, sample: Sample) -> tuple[PointState, list[Finding]]:
    """Judge one sample of a feeder or incomer.

    Parameters
    ----------
    watched : WatchedPoint
        The sample's point.
    state : PointState
        Before the sample; not changed.
    sample : Sample
        One moment of it. What is absent tells nothing. A sample that is not later than the last one tells only of the
        clock, and is counted in ``state.clock.late``.

    Returns
    -------
    state : PointState
        After the sample.
    findings : list of Finding
        What this sample decided, and again, with ``ended``, what it ended.
    """
    now, in_order, findings = clock.observe(watched, state.clock, sample)
    if not in_order and clock.set_back(now):
        went_on = register.carried(state.register, sample.number("active_energy_import"))
        return msgspec.structs.replace(state, clock=now, register=went_on), findings
    if not in_order or not credible(watched, sample):
        return msgspec.structs.replace(state, clock=now), findings
    seen, said = pattern.observe(watched, state.pattern, sample)
    findings += said
    repeated = seen.frozen or seen.replayed or state.pattern.frozen or state.pattern.replayed
    known, said = identity.observe(watched, state.identity, sample)
    findings += said
    counted, said = register.observe(watched, state.register, known, sample, repeated=repeated)
    findings += said
    odd, said = contradiction.observe(watched, state.contradiction, sample)
    findings += said
    believed = not repeated and counted.doubt is None
    summed, said = integral.observe(watched, state.integral, sample, believed=believed)
    findings += said
    return PointState(state.version, now, seen, known, counted, odd, summed), findings


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


DETECTOR = Detector("tamper.point", STATE_VERSION, "point", PointState, one_by_one(step), save, restore)
