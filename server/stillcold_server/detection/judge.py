"""The detectors of all subjects, in step with a stream of samples."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stillcold_core.detect.findings import Finding
from stillcold_core.samples import Samples, plausible
from stillcold_server.detection.subjects import Key, Subject, Subjects

log = logging.getLogger(__name__)


class Judge:
    """Feeds samples to every detector that watches their point, and remembers the states.

    The findings do not depend on how the samples of a point are cut. Judges of different sites, and one of the scope
    "fleet" beside those of the other scopes, give together what one judge of everything gives.

    Parameters
    ----------
    subjects : mapping
        Who judges the samples of each point, of :func:`~stillcold_server.detection.subjects.subjects_of`.
    states : mapping of Key to state, optional
        Where an earlier run ended.
    """

    def __init__(self, subjects: Subjects, states: Mapping[Key, Any] | None = None) -> None:
        self.subjects = subjects
        self.states: dict[Key, Any] = dict(states or {})
        self.touched: dict[Key, Subject] = {}
        """Whose state has changed since somebody cleared it, in the order in which they were touched."""
        self.failed: Counter[Key] = Counter()
        """Blocks that a subject's detector failed on."""

    def feed(self, samples: Samples) -> list[Finding]:
        """Judge samples of one point; what was found, by detector in the order of the catalogue.

        A finding with the id of an earlier one is the same again: its progress, or, with ``ended``, its end.
        """
        watching = self.subjects.get(samples.point)
        if not watching or not len(samples):
            return []
        samples = plausible(samples)
        return [finding for subject in watching for finding in self.judge(subject, samples)]

    def judge(self, subject: Subject, samples: Samples) -> list[Finding]:
        """Judge plausible samples for one subject alone.

        A detector that fails leaves them out and keeps its state: the other detectors and subjects go on.
        """
        before = self.states.get(subject.key)
        state = subject.detector.begin() if before is None else before
        try:
            state, findings = subject.detector.advance(subject.watched, state, samples)
        except Exception:  # noqa: BLE001  # whatever a detector fails by
            self._failed(subject)
            return []
        self.states[subject.key] = state
        self.touched[subject.key] = subject
        return findings if subject.told else []

    def _failed(self, subject: Subject) -> None:
        if not self.failed[subject.key]:
            log.exception("%s of %s failed on a block of samples; said once", *subject.key)
        self.failed[subject.key] += 1
