"""What a meter says of itself: its serial number and the transformer ratios that are set in it."""

from collections.abc import Mapping

import msgspec

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.watched import WatchedPoint, found
from stillcold_core.readings import Sample

_KINDS = {"meter_serial": "meter_changed", "ct_ratio": "ratio", "pt_ratio": "ratio"}
_WORDS = {"meter_serial": "serial number", "ct_ratio": "CT ratio", "pt_ratio": "PT ratio"}

_CONFIRM = (3, 900.0)  # readings and s: a wire that spoils registers does so for minutes


class Identity(msgspec.Struct, frozen=True):
    """What the meter has said.

    Attributes
    ----------
    known : mapping of str to float
        By quantity.
    doubt : mapping of str to (float, float, int)
        Another value, s at which it was first read, and readings of it, until it is believed or not.
    last : float
        s of the last reading that fitted what is known.
    swapped : float
        s of the last change of the serial number.
    """

    known: Mapping[str, float] = {}
    doubt: Mapping[str, tuple[float, float, int]] = {}
    last: float = 0.0
    swapped: float = float("-inf")


def observe(watched: WatchedPoint, state: Identity, sample: Sample) -> tuple[Identity, list[Finding]]:
    """One more sample; a change is believed at its third reading in succession, and after a quarter of an hour."""
    findings: list[Finding] = []
    for quantity in _KINDS:
        value = sample.number(quantity)
        if value is not None:
            state, said = _read(watched, state, sample, quantity, value)
            findings += said
    return state, findings


def _read(
    watched: WatchedPoint, state: Identity, sample: Sample, quantity: str, value: float
) -> tuple[Identity, list[Finding]]:
    known, doubt = state.known.get(quantity), state.doubt.get(quantity)
    if value == known:
        return msgspec.structs.replace(state, doubt=_without(state.doubt, quantity), last=sample.time), []
    if known is None:
        return msgspec.structs.replace(state, known={**state.known, quantity: value}, last=sample.time), []
    first, count = (doubt[1], doubt[2] + 1) if doubt is not None and doubt[0] == value else (sample.time, 1)
    if count < _CONFIRM[0] or sample.time - first < _CONFIRM[1]:
        return msgspec.structs.replace(state, doubt={**state.doubt, quantity: (value, first, count)}), []
    after = Identity(
        known={**state.known, quantity: value},
        doubt=_without(state.doubt, quantity),
        last=sample.time,
        swapped=sample.time if quantity == "meter_serial" else state.swapped,
    )
    if watched.was_reported(state.last, sample.time):
        return after, []
    reason = f"{_WORDS[quantity]} in the meter changed from {known:g} to {value:g}"
    evidence = {quantity: value, f"{quantity}_before": known}
    return after, [found(watched, sample, _KINDS[quantity], first, reason, evidence)]


def _without(doubt: Mapping[str, tuple[float, float, int]], quantity: str) -> Mapping[str, tuple[float, float, int]]:
    return {q: d for q, d in doubt.items() if q != quantity} if quantity in doubt else doubt
