"""A meter that answers slowly takes no more than its share."""

import pytest

from stillcold_agent.modbus.pace import Pace
from stillcold_core.profiles import Profile
from support.meters import meter


@pytest.mark.requirement("agent.bus.slow-slave")
def test_slow_meters_come_last_and_get_a_fifth_of_the_time(two_blocks: Profile) -> None:
    """The others are read every time, in their order; one that is fast again is one of them again."""
    meters = [meter(two_blocks, unit) for unit in range(1, 6)]
    pace, at, read, slow = Pace(meters), 100.0, [0] * 6, 0.9
    for _ in range(100):
        begun = at
        for one in pace.order():
            if pace.wait(one, at) <= 0:
                took = slow if one.unit == 2 else 0.01
                at += took
                read[one.unit] += 1
                pace.took(one, at, took)
        at = max(at, begun + 1)
    assert [m.unit for m in pace.order()] == [1, 3, 4, 5, 2]
    assert read[1] == read[3] == read[4] == read[5] == 100
    assert 15 <= read[2] <= 25
    slow = 0.01
    while [m.unit for m in pace.order()] != [1, 2, 3, 4, 5]:
        at += 10
        pace.took(meters[1], at, slow)


def test_meters_that_are_all_slow_are_all_read(two_blocks: Profile) -> None:
    """Nobody is slow beside the others on a line that is slow itself."""
    meters = [meter(two_blocks, unit) for unit in range(1, 4)]
    pace, at = Pace(meters), 0.0
    for _ in range(5):
        assert pace.order() == meters
        for one in meters:
            assert pace.wait(one, at) <= 0
            at += 0.5
            pace.took(one, at, 0.5)


def test_slow_meters_take_turns(two_blocks: Profile) -> None:
    """None of them waits for ever behind another one."""
    meters = [meter(two_blocks, unit) for unit in range(1, 8)]
    pace, at, read = Pace(meters), 100.0, []
    for _ in range(100):
        for one in pace.order():
            if pace.wait(one, at) <= 0:
                took = 0.5 if one.unit in {2, 3} else 0.01
                at += took
                pace.took(one, at, took)
                read.append(one.unit)
        at += 1
    assert abs(read.count(2) - read.count(3)) <= 1
    assert read.count(2) > 10
