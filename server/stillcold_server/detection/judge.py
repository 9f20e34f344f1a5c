"""The detectors of all lines, in step with a stream of samples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stillcold_core.detect import restart
from stillcold_core.detect.deadline import DeadLineLimits
from stillcold_core.detect.findings import Finding
from stillcold_core.detect.restart import RestartState, SealedLine
from stillcold_core.readings import Sample
from stillcold_core.registry import Line, Registry

_ELECTRICAL = ("feeder", "incomer")


@dataclass(frozen=True, slots=True)
class Watched:
    """A point whose samples are judged."""

    line: SealedLine
    sealed: bool


class Judge:
    """Feeds samples to the detector of their line and remembers each line's state.

    Parameters
    ----------
    registry : Registry
        Which points belong to which lines.
    states : mapping of str to RestartState, optional
        By line, where an earlier run ended.
    """

    def __init__(self, registry: Registry, states: Mapping[str, RestartState] | None = None) -> None:
        lines = {line.id: line for line in registry.line}
        self._watched = {
            p.id: Watched(sealed_line(lines[p.line]), lines[p.line].state == "sealed")
            for p in registry.point
            if p.role in _ELECTRICAL
        }
        self.states: dict[str, RestartState] = dict(states or {})
        self.touched: set[str] = set()
        """Lines whose state has changed since somebody cleared the set."""

    def feed(self, samples: Iterable[Sample]) -> list[Finding]:
        """Judge samples in the order given; what was found."""
        findings: list[Finding] = []
        for sample in samples:
            watched = self._watched.get(sample.point)
            if watched is None:
                continue
            line = watched.line
            state, found = restart.step(line, self.states.get(line.line, RestartState()), sample)
            self.states[line.line] = state
            self.touched.add(line.line)
            if watched.sealed:  # a permitted line may run; only its presence is kept
                findings += found
        return findings


def sealed_line(line: Line) -> SealedLine:
    """A line of the registry as the restart detector needs it."""
    limits = DeadLineLimits(line.rated_power, line.nominal_voltage, "power_cut" in line.measures)
    since = line.sealed_at.timestamp() if line.sealed_at and line.state == "sealed" else 0.0
    return SealedLine(line.site, line.id, limits, since)
