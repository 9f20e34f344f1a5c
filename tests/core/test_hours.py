"""What a feeder usually takes at each hour of the day."""

import pytest

from stillcold_core.detect.hours import (
    HOUR,
    UNKNOWN,
    Hours,
    Past,
    at,
    learned,
    unlearned,
    weights,
    working,
    working_today,
)

DAY = 86400.0
NIGHT, NOON = 23 * HOUR, 12 * HOUR


def days(number: int) -> Hours:
    """Days of a plant that takes 400 kW from 8 to 17 and 50 kW else; its converter of 100 kVA runs then."""
    hours = UNKNOWN
    for quarter in range(1, number * 96 + 1):
        open_ = 8 <= (quarter - 1) // 4 % 24 < 17
        hours = learned(hours, quarter * 900.0, 900.0, 400e3 if open_ else 50e3, 100e3 if open_ else 0.0)
    return hours


def test_an_hour_is_known_once_it_has_come_again() -> None:
    [noon, night] = at(days(3), (NOON + 1, NIGHT + 1))
    assert noon.most == pytest.approx(100e3, rel=0.06)
    assert noon.usual == pytest.approx(400e3)
    assert night.usual == pytest.approx(50e3)


@pytest.mark.requirement("furnace.hours")
def test_a_load_in_the_night_of_a_day_shop_is_unusual_and_one_at_noon_is_not() -> None:
    hours = days(3)
    assert working(hours, NIGHT, NIGHT + HOUR, 500e3) == 0
    assert working(hours, NOON, NOON + HOUR, 500e3) == 1
    at_night = weights(Past(3 * DAY, 20.0, 0.0))
    at_noon = weights(Past(3 * DAY, 0.9, 1.0))
    assert sum(at_night.values()) > 2.5
    assert sum(at_noon.values()) < 0
    assert weights(Past(0.5 * DAY)) == {}


def test_the_hour_before_the_shift_is_none_of_rest() -> None:
    assert working(days(3), 6.5 * HOUR, 7.5 * HOUR, 500e3) == 1


def test_more_days_without_such_a_load_weigh_more() -> None:
    assert weights(Past(10 * DAY, 2.0))["unusual_hour"] > weights(Past(2 * DAY, 2.0))["unusual_hour"] > 0


@pytest.mark.requirement("furnace.hours")
def test_what_may_be_a_furnace_teaches_nothing() -> None:
    hours = days(3)
    for hour in (72, 73):
        hours = learned(hours, (hour + 1) * HOUR, HOUR, 900e3, 300e3)
    forgotten = unlearned(hours, (73 * HOUR, 74 * HOUR))
    for state, most in ((hours, 300e3), (forgotten, 0.0)):
        again = learned(learned(state, 97 * HOUR, HOUR, 50e3, 0.0), 98 * HOUR, HOUR, 50e3, 0.0)
        assert [h.most for h in at(again, (96.5 * HOUR, 97.5 * HOUR))] == [pytest.approx(most), pytest.approx(most)]


def test_a_first_day_tells_whether_the_plant_rests_by_the_other_loads() -> None:
    hours = days(1)
    assert working_today(hours, DAY + 1, 60e3, 500e3) == pytest.approx(0.03, abs=0.01)
    assert working_today(UNKNOWN, DAY + 1, 60e3, 500e3) is None
