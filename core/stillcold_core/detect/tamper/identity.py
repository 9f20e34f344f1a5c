"""What a meter says of itself: its serial number and the transformer ratios that are set in it."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from stillcold_core.detect.findings import Finding
from stillcold_core.detect.tamper.table import Table
from stillcold_core.detect.tamper.watched import WatchedPoint, found

_KINDS = {"meter_serial": "meter_changed", "ct_ratio": "ratio", "pt_ratio": "ratio"}
_WORDS = {"meter_serial": "serial number", "ct_ratio": "CT ratio", "pt_ratio": "PT ratio"}

_CONFIRM = (6, 900.0)  # readings and s: a wire that spoils registers does so for minutes
_MOST_RATIO = 30_000.0  # beyond it, as at 0, a register says that it says nothing: all bits of 16 set, or all but one


History = Sequence[tuple[int, "Identity"]]
"""Sample from which on each holds."""


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


def observe(watched: WatchedPoint, state: Identity, table: Table) -> tuple[History, list[tuple[int, Finding]]]:
    """What is known from each sample on; a change is believed at its sixth reading in succession, and after a quarter
    of an hour."""
    history, findings = [(0, state)], list[tuple[int, Finding]]()
    for i, quantity, value in _readings(state, table):
        state, said = _read(watched, state, table.point, float(table.times[i]), quantity, value)
        findings += [(i, f) for f in said]
        history.append((i, state))
    return history, findings


def known_at(history: History, i: int) -> Identity:
    """What was known once a sample had been read."""
    return next(state for first, state in reversed(history) if first <= i)


def _readings(state: Identity, table: Table) -> list[tuple[int, str, float]]:
    """Readings in the order of samples: of each quantity the last one, where all say what is known."""
    readings, settled = [], True
    for order, quantity in enumerate(_KINDS):
        column = table.samples.columns.get(quantity)
        if column is None:
            continue
        told = table.judged & (column > 0)
        if quantity != "meter_serial":
            told &= column <= _MOST_RATIO
        at = np.flatnonzero(told)
        settled &= quantity not in state.doubt and bool((column[at] == state.known.get(quantity, 0.0)).all())
        readings += [(int(i), order, quantity, float(column[i])) for i in at]
    if settled:
        readings = list({quantity: reading for reading in readings for quantity in reading[2:3]}.values())
    return [(i, quantity, value) for i, _, quantity, value in sorted(readings)]


def _read(
    watched: WatchedPoint, state: Identity, point: str, time: float, quantity: str, value: float
) -> tuple[Identity, list[Finding]]:
    known, doubt = state.known.get(quantity), state.doubt.get(quantity)
    if value == known:
        return msgspec.structs.replace(state, doubt=_without(state.doubt, quantity), last=time), []
    if known is None:
        return msgspec.structs.replace(state, known={**state.known, quantity: value}, last=time), []
    first, count = (doubt[1], doubt[2] + 1) if doubt is not None and doubt[0] == value else (time, 1)
    if count < _CONFIRM[0] or time - first < _CONFIRM[1]:
        return msgspec.structs.replace(state, doubt={**state.doubt, quantity: (value, first, count)}), []
    after = Identity(
        known={**state.known, quantity: value},
        doubt=_without(state.doubt, quantity),
        last=time,
        swapped=time if quantity == "meter_serial" else state.swapped,
    )
    if watched.was_reported(state.last, time):
        return after, []
    reason = f"{_WORDS[quantity]} in the meter changed from {known:g} to {value:g}"
    evidence = {quantity: value, f"{quantity}_before": known}
    return after, [found(watched, point, time, _KINDS[quantity], first, reason, evidence)]


def _without(doubt: Mapping[str, tuple[float, float, int]], quantity: str) -> Mapping[str, tuple[float, float, int]]:
    return {q: d for q, d in doubt.items() if q != quantity} if quantity in doubt else doubt
