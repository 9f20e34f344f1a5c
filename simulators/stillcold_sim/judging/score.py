"""How well alerts tell what was really done: found, missed, false, and how late."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stillcold_core.registry import Registry
from stillcold_sim.clock import iso
from stillcold_sim.judging.alerts import Alert
from stillcold_sim.judging.causes import Cause, Causes
from stillcold_sim.judging.truth import Truth


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cause.

    Attributes
    ----------
    cause : Cause
        What was done.
    verdict : str
        ``found``, ``missed``, ``told`` of what needed no alert and got one, ``silent`` of what needed none.
    kinds : tuple of str
        Alerts that tell it, the first one first.
    delay : float, optional
        s from its beginning to the first of them; 0 where it was still known from before.
    """

    cause: Cause
    verdict: str
    kinds: tuple[str, ...]
    delay: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """Alerts beside the truth.

    Attributes
    ----------
    outcomes : tuple of Outcome
        Of everything that an alert may tell.
    false : tuple of Alert
        Alerts that nothing explains.
    interval : float, optional
        s between two readings.
    """

    outcomes: tuple[Outcome, ...]
    false: tuple[Alert, ...]
    interval: float | None

    @property
    def recall(self) -> float | None:
        """Share of what was found in what had to be; None where nothing had to be."""
        found, missed = self.count("found"), self.count("missed")
        return found / (found + missed) if found + missed else None

    @property
    def good(self) -> bool:
        """Whether all was found and nothing is false."""
        return not self.false and not self.count("missed")

    def count(self, verdict: str) -> int:
        """How many have a verdict."""
        return sum(o.verdict == verdict for o in self.outcomes)

    def report(self) -> dict[str, Any]:
        """For programs."""
        delays = [o.delay for o in self.outcomes if o.verdict == "found" and o.delay is not None]
        return {
            "found": self.count("found"),
            "missed": self.count("missed"),
            "false": len(self.false),
            "recall": self.recall,
            "delay_median": statistics.median(delays) if delays else None,
            "delay_max": max(delays, default=None),
            "interval": self.interval,
            "events": [_reported(o, self.interval) for o in self.outcomes],
            "false_alerts": [{"line": a.line, "kind": a.kind, "detected": iso(a.detected)} for a in self.false],
        }


def score(truth: Truth, alerts: Sequence[Alert], registry: Registry | None, grace: float = 60.0) -> Score:
    """Compare alerts with the truth.

    Parameters
    ----------
    truth : Truth
        What was done.
    alerts : sequence of Alert
        What was said, in order of detection.
    registry : Registry, optional
        See :class:`Causes`.
    grace : float
        s after the end of a cause in which an alert may still begin for it.
    """
    causes_of = Causes(registry)
    causes = [cause for e in truth.episodes if (cause := causes_of.of(e))]
    real = [a for a in alerts if any(c.explains(a, grace) for c in causes)]
    false = [a for a in alerts if not any(c.explains(a, grace) for c in causes)]
    return Score(tuple(_judge(c, real, grace) for c in causes), tuple(false), truth.interval)


def samples(delay: float | None, interval: float | None) -> int | None:
    """Readings until an alert, the one at the beginning not counted; None where that is not known.

    Examples
    --------
    >>> samples(5.0, 1.0), samples(70.0, 60.0), samples(3.0, None)
    (5, 2, None)
    """
    return None if delay is None or not interval else -int(-delay // interval)


def _judge(cause: Cause, alerts: Sequence[Alert], grace: float) -> Outcome:
    telling = [a for a in alerts if cause.explains(a, grace) or _goes_on(cause, a)]
    kinds = tuple(dict.fromkeys(a.kind for a in telling))
    delay = max(0.0, telling[0].detected - cause.episode.began) if telling else None
    verdicts = ("found", "missed") if cause.required else ("told", "silent")
    return Outcome(cause, verdicts[0] if telling else verdicts[1], kinds, delay)


def _goes_on(cause: Cause, alert: Alert) -> bool:
    """Whether an alert that began before the cause still stands when it begins."""
    return cause.tells(alert) and alert.detected < cause.episode.began <= alert.ended


def _reported(outcome: Outcome, interval: float | None) -> dict[str, Any]:
    episode = outcome.cause.episode
    return {
        "lines": outcome.cause.lines,
        "what": episode.what,
        "began": iso(episode.began),
        "ended": None if episode.ended == float("inf") else iso(episode.ended),
        "verdict": outcome.verdict,
        "alerts": outcome.kinds,
        "delay": outcome.delay,
        "samples": samples(outcome.delay, interval),
    }
