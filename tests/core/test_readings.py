"""Readings: missing is a value with a cause."""

import pytest

from stillcold_core.readings import Absence, Sample


@pytest.mark.requirement("readings.absence-is-no-number")
@pytest.mark.parametrize("cause", list(Absence))
def test_an_absence_is_never_a_number(cause: Absence) -> None:
    """Neither 0 nor anything else; the others of the sample are untouched."""
    sample = Sample("p", 0.0, {"active_power": cause, "frequency": 50.0, "current_l1": 0.0})
    assert sample.number("active_power") is None
    assert sample.number("voltage_l1") is None
    assert sample.number("current_l1") == 0.0
    assert sample.numbers("active_power", "frequency", "voltage_l1", "current_l1") == [50.0, 0.0]


def test_the_words_of_absence_are_stable() -> None:
    """They are numbered on the wire in this order; a new one goes to the end."""
    assert [a.value for a in Absence] == [
        "timeout",
        "exception",
        "bad_reply",
        "out_of_range",
        "not_supported",
        "breaker_open",
        "disconnected",
    ]
