"""What holds for every detector, over all of them."""

from typing import Any

import pytest

from stillcold_core.detect.catalogue import DETECTORS
from stillcold_core.detect.detector import Detector


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_a_state_is_restored_as_it_was_saved(detector: Detector[Any, Any]) -> None:
    state = detector.begin()
    assert detector.restore(detector.save(state)) == state


def test_names_are_told_apart() -> None:
    assert len({d.name for d in DETECTORS}) == len(DETECTORS)
