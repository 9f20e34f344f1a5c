"""Activity that was approved, and goes on when its permit has ended: it is found anew from that moment on."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stillcold_core.detect.findings import Finding, iso
from stillcold_core.registry import Permit
from stillcold_server.detection.subjects import Key

_HOUR = 3600.0
_UNTIL = "approved_until"
_ALLOWED: Mapping[str, tuple[float, float]] = {
    "restart.power": (0.5 * _HOUR, 0.5 * _HOUR), "restart.current": (0.5 * _HOUR, 0.5 * _HOUR),
    "restart.energy": (0.5 * _HOUR, 0.5 * _HOUR), "restart.voltage": (0.5 * _HOUR, 0.5 * _HOUR),
    "furnace.induction": (3 * _HOUR, 13 * _HOUR), "furnace.line_frequency": (3 * _HOUR, 13 * _HOUR),
}  # fmt: skip
"""By kind: s that activity may go on after its permit, and s that may pass from its end until its detector has said so:
a register must be at rest, or a furnace without a heat, for so long and one interval more."""
FOUND_ANEW = frozenset(_ALLOWED)
"""Kinds that are found anew where they go on after their permit."""


def overruns(found: Iterable[Finding], permits: Sequence[Permit], newest: Mapping[str, float]) -> Iterator[Finding]:
    """What goes on after its permit.

    Parameters
    ----------
    found : iterable of Finding
        What was found so far, each as it was said last.
    permits : sequence of Permit
        Of all lines.
    newest : mapping of str to float
        By line: UTC seconds up to which it was judged.
    """
    over = {p.line for p in permits if p.end.timestamp() < newest.get(p.line, 0.0)}
    for finding in found:
        if finding.line in over and finding.kind in _ALLOWED:
            allowed, late = _ALLOWED[finding.kind]
            until = approved_until(finding.kind, finding.began, [p for p in permits if p.line == finding.line])
            lasted = newest[finding.line] - late if finding.ended is None else finding.ended
            if until is not None and lasted > until + allowed:
                yield _beyond(finding, until, until + allowed + late)


def is_overrun(finding: Finding) -> bool:
    """Whether it is one that :func:`overruns` has made."""
    return _UNTIL in finding.evidence


def newest_of(states: Mapping[Key, Any], lines: Collection[str]) -> dict[str, float]:
    """UTC seconds up to which the restart detector has judged some lines."""
    known = {line: states[key] for line in lines if (key := ("restart", line)) in states}
    return {
        line: max((p.presence.time or 0.0 for p in state.points.values()), default=0.0) for line, state in known.items()
    }


def approved_until(kind: str, began: float, permits: Iterable[Permit]) -> float | None:
    """When the approved time of what was found ends, over permits of its line that follow each other.

    Parameters
    ----------
    kind : str
        Of the finding.
    began : float
        UTC seconds.
    permits : iterable of Permit
        Of its line.

    Returns
    -------
    float or None
        UTC seconds; None for what nobody approved.
    """
    until = None
    for permit in sorted(permits, key=lambda p: p.end):
        if permit.settles(kind, began if until is None else until):
            until = permit.end.timestamp()
    return until


def _beyond(finding: Finding, until: float, detected: float) -> Finding:
    reason = f"{finding.reason}; approved until {iso(until)}, and goes on"
    evidence = {**finding.evidence, _UNTIL: iso(until)}
    return msgspec.structs.replace(finding, began=until, detected=detected, reason=reason, evidence=evidence)
