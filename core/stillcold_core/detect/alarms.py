"""From what single signals say to findings: one open finding of a kind at a point, whatever its causes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from stillcold_core.detect.findings import Finding


class Alarm(msgspec.Struct, frozen=True):
    """An open finding.

    Attributes
    ----------
    began : float
        s; with kind and point its natural key.
    causes : tuple of str
        What still speaks for it.
    """

    began: float
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A signal that began to speak for a finding, or ceased to.

    Attributes
    ----------
    index : int
        Of the sample.
    kind, cause : str
        Which finding, and what speaks for it.
    raised : bool
        Whether it began.
    at : float
        s at which what it tells began, or ended.
    reason : str
    evidence : mapping
    """

    index: int
    kind: str
    cause: str
    raised: bool
    at: float
    reason: str
    evidence: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is."""

    site: str
    line: str
    point: str


def told(
    place: Place, alarms: Mapping[str, Alarm], events: Iterable[Event], times: Mapping[int, float]
) -> tuple[Mapping[str, Alarm], list[Finding]]:
    """What events make known.

    The first cause raises a finding, each further one says it again with its own reason, the end of the last one ends
    it.

    Parameters
    ----------
    place : Place
        Of the point.
    alarms : mapping of str to Alarm
        By kind; not changed.
    events : iterable of Event
        In order of their samples.
    times : mapping of int to float
        s of the samples, by index.
    """
    opened, findings = dict(alarms), []
    for event in events:
        alarm = opened.get(event.kind) or Alarm(event.at, ())
        causes = tuple(c for c in alarm.causes if c != event.cause) + ((event.cause,) if event.raised else ())
        ended = None if causes else max(event.at, alarm.began)
        if event.raised or ended is not None:
            findings.append(_finding(place, event, alarm.began, times[event.index], ended))
        opened[event.kind] = Alarm(alarm.began, causes)
        if not causes:
            del opened[event.kind]
    return opened, findings


def _finding(place: Place, event: Event, began: float, detected: float, ended: float | None) -> Finding:
    return Finding(
        f"restart.{event.kind}", "critical", place.site, place.line, place.point, began, detected,
        event.reason, event.evidence, ended,
    )  # fmt: skip
