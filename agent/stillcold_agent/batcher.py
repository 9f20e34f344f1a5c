"""The open batch: what was read since the last one, and when it is closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from stillcold_agent.compact import compact
from stillcold_agent.config import Batch
from stillcold_agent.edge import Verdict
from stillcold_core.contract.steps import MOST_STEPS, Step
from stillcold_core.readings import Sample

MOST_VALUES = 80_000
"""Values in a batch. Even if none of them compressed, its envelope would stay under the wire's limit of 1 MiB."""
_SOON = 0.001  # s


class Importance(IntEnum):
    """How much a batch matters; the most important sample in it decides."""

    QUIET = 0
    """Nothing happened."""
    CHANGE = 1
    """Something changed, and no sealed line shows life."""
    LIVE = 2
    """A sealed line shows life: evidence that an officer waits for."""
    DECIDING = 3
    """It began so lately that the server may be waiting for this to raise the alert."""


@dataclass(frozen=True, slots=True)
class Collected:
    """A closed batch, not yet signed.

    Attributes
    ----------
    samples : mapping of str to sequence of Sample
        By point, in order of time.
    reason : str
        Why it was closed: ``quiet``, ``change``, ``live``, ``clock``, ``full`` or ``stop``.
    importance : Importance
        Of what is in it, whatever closed it.
    synced : bool
        Whether the times are those of a clock that is known to be right.
    steps : tuple of Step
        Where the wall clock was moved.
    """

    samples: Mapping[str, Sequence[Sample]]
    reason: str
    importance: Importance
    synced: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def values(self) -> int:
        """How many, absent ones included."""
        return sum(len(s.values) for rows in self.samples.values() for s in rows)


def joined(waiting: Sequence[Collected]) -> list[Collected]:
    """The same in fewer batches: neighbours that were closed at once become one, as far as a batch may hold them.

    When many lines start in one round, the first goes out at once and the others with one signature, one message and
    one acknowledgement as soon as the disk has taken it.
    """
    out: list[Collected] = []
    for each in waiting:
        if out and _fit(out[-1], each):
            samples = {point: list(rows) for point, rows in out[-1].samples.items()}
            for point, rows in each.samples.items():
                samples.setdefault(point, []).extend(rows)
            importance, steps = max(out[-1].importance, each.importance), (*out[-1].steps, *each.steps)
            out[-1] = replace(out[-1], samples=samples, importance=importance, steps=steps)
        else:
            out.append(each)
    return out


def _fit(one: Collected, after: Collected) -> bool:
    """Whether one batch can say what these two say."""
    alike = one.reason == after.reason == "live" and one.synced == after.synced
    return alike and one.values + after.values <= MOST_VALUES and len(one.steps) + len(after.steps) <= MOST_STEPS


class Batcher:
    """Collects samples; every moment comes in as a value, in seconds of one monotonic clock.

    Parameters
    ----------
    periods : Batch
        When batches are closed.
    """

    def __init__(self, periods: Batch) -> None:
        self._periods = periods
        self._samples: dict[str, list[Sample]] = {}
        self._values = 0
        self._importance = Importance.QUIET
        self._deadline, self._reason = float("inf"), "quiet"

    def add(self, samples: Sequence[Sample], verdict: Verdict, monotonic: float) -> Collected | None:
        """Take samples of one point, the last of which has that verdict; what must go out now.

        That is a full batch, or, where the server may be waiting for this sample, what was collected of this point
        alone: a batch of all points takes longer to be signed than all else on the way to the broker.
        """
        if not samples:
            return None
        if not self._samples:
            self._deadline, self._reason = monotonic + self._periods.quiet, "quiet"
        self._samples.setdefault(samples[-1].point, []).extend(samples if verdict.deciding else map(compact, samples))
        self._values += sum(len(s.values) for s in samples)
        if verdict.deciding:
            return self._close_one(samples[-1].point)
        self._importance = max(self._importance, _importance(verdict))
        if verdict.live:
            self._close_by(monotonic + self._periods.live, "live")
        if verdict.change:
            self._close_by(monotonic + self._periods.change, "change")
        return self.close("full") if self._values >= MOST_VALUES else None

    def wait(self, monotonic: float) -> float:
        """Seconds until :meth:`due` is to be asked again.

        No later deadline can come meanwhile that is earlier: each is set at least the shortest period ahead.
        """
        shortest = min(self._periods.quiet, self._periods.change, self._periods.live)
        return min(max(self._deadline - monotonic, _SOON), shortest)

    def due(self, monotonic: float, *, held: bool = False) -> Collected | None:
        """The closed batch, when its time has come; ``held``, only one in which a sealed line shows life."""
        if monotonic < self._deadline or (held and self._importance < Importance.LIVE):
            return None
        return self.close(self._reason)

    def close(self, reason: str) -> Collected | None:
        """The closed batch; None where nothing was collected."""
        samples, self._samples = self._samples, {}
        importance, self._importance = self._importance, Importance.QUIET
        self._values, self._deadline = 0, float("inf")
        return Collected(samples, reason, importance) if samples else None

    def _close_one(self, point: str) -> Collected:
        collected = Collected({point: self._samples.pop(point)}, "live", Importance.DECIDING)
        self._values -= collected.values
        if not self._samples:
            self.close("live")
        return collected

    def _close_by(self, deadline: float, reason: str) -> None:
        if deadline < self._deadline:
            self._deadline, self._reason = deadline, reason


def _importance(verdict: Verdict) -> Importance:
    if verdict.live:
        return Importance.DECIDING if verdict.deciding else Importance.LIVE
    return Importance.CHANGE if verdict.change else Importance.QUIET
