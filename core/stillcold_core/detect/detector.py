"""What every detector is: a state that goes in with samples and comes out with findings.

Time is the samples' own, so a detector gives the same findings live, over files and after a crash. What holds for each
of them is checked for all of them in ``tests/core/test_detectors.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from stillcold_core.detect.findings import Finding
from stillcold_core.readings import Sample
from stillcold_core.samples import Samples

Scope = Literal["line", "point", "site", "fleet"]
W = TypeVar("W")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Detector(Generic[W, S]):
    """One detector.

    Attributes
    ----------
    name : str
        Under which its states are kept.
    version : int
        Of its states: one saved by another version is refused by ``restore``.
    scope : "line", "point", "site" or "fleet"
        What it keeps one state for.
    begin : callable
        The state before the first sample.
    advance : callable
        ``(watched, state, samples)`` to the state after them and the findings. The samples are of one point and are
        judged in their order; cutting them in any way gives the same. Neither state nor samples are changed.
    save, restore : callable
        The state as bytes and back; ``restore`` raises ValueError for those of another version.
    """

    name: str
    version: int
    scope: Scope
    begin: Callable[[], S]
    advance: Callable[[W, S, Samples], tuple[S, list[Finding]]]
    save: Callable[[S], bytes]
    restore: Callable[[bytes], S]


def one_by_one(
    step: Callable[[W, S, Sample], tuple[S, list[Finding]]],
) -> Callable[[W, S, Samples], tuple[S, list[Finding]]]:
    """``advance`` of a detector that judges samples one at a time."""

    def advance(watched: W, state: S, samples: Samples) -> tuple[S, list[Finding]]:
        findings: list[Finding] = []
        for sample in samples.rows():
            state, found = step(watched, state, sample)
            findings += found
        return state, findings

    return advance
