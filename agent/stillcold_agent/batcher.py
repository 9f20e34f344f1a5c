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

    Where something happened, only what was read there leaves early: a batch of all points takes longer to be signed
    than all else on the way to the broker, and what is alive elsewhere would wait for it.

    Parameters
    ----------
    periods : Batch
        When batches are closed.
    """

    def __init__(self, periods: Batch) -> None:
        self._periods = periods
        self._samples: dict[str, list[Sample]] = {}
        self._values = 0
        self._quiet_by = float("inf")
        self._moved: dict[str, Importance] = {}
        """Points of the open batch at which something happened."""
        self._moved_by, self._reason = float("inf"), ""

    def add(self, samples: Sequence[Sample], verdict: Verdict, monotonic: float) -> Collected | None:
        """Take samples of one point, the last of which has that verdict; what must go out now.

        That is a full batch, or, where the server may be waiting for this sample, what was collected of this point.
        """
        if not samples:
            return None
        point = samples[-1].point
        if not self._samples:
            self._quiet_by = monotonic + self._periods.quiet
        self._samples.setdefault(point, []).extend(samples if verdict.deciding else map(compact, samples))
        self._values += sum(len(s.values) for s in samples)
        if verdict.deciding:
            return self._close({point: Importance.DECIDING}, "live")
        if verdict.live or verdict.change:
            self._hasten(point, verdict, monotonic)
        return self.close("full") if self._values >= MOST_VALUES else None

    def wait(self, monotonic: float) -> float:
        """Seconds until :meth:`due` is to be asked again.

        No later deadline can come meanwhile that is earlier: each is set at least the shortest period ahead.
        """
        shortest = min(self._periods.quiet, self._periods.change, self._periods.live)
        return min(max(min(self._quiet_by, self._moved_by) - monotonic, _SOON), shortest)

    def due(self, monotonic: float, *, held: bool = False) -> Collected | None:
        """The closed batch, when its time has come; ``held``, only one in which a sealed line shows life."""
        if monotonic >= self._quiet_by and not held:
            return self.close("quiet")
        if monotonic < self._moved_by or (held and max(self._moved.values()) < Importance.LIVE):
            return None
        return self._close(self._moved, self._reason)

    def close(self, reason: str) -> Collected | None:
        """A batch of all that was collected; None where nothing was."""
        return self._close({**dict.fromkeys(self._samples, Importance.QUIET), **self._moved}, reason)

    def _close(self, points: Mapping[str, Importance], reason: str) -> Collected | None:
        if not points:
            return None
        collected = Collected({p: self._samples.pop(p) for p in points}, reason, max(points.values()))
        self._values -= collected.values
        self._moved = {p: i for p, i in self._moved.items() if p not in points}
        if not self._moved:
            self._moved_by = float("inf")
        if not self._samples:
            self._quiet_by = float("inf")
        return collected

    def _hasten(self, point: str, verdict: Verdict, monotonic: float) -> None:
        importance = Importance.LIVE if verdict.live else Importance.CHANGE
        self._moved[point] = max(self._moved.get(point, importance), importance)
        for happened, period, reason in (
            (verdict.live, self._periods.live, "live"),
            (verdict.change, self._periods.change, "change"),
        ):
            if happened and monotonic + period < self._moved_by:
                self._moved_by, self._reason = monotonic + period, reason
