"""No site is in two splits."""

from itertools import combinations

import pytest

from support.feeders import legal as feeders
from support.power_profiles import honest
from support.splits import SPLITS, sites


@pytest.mark.requirement("detect.bench.splits")
def test_no_site_is_in_two_splits() -> None:
    assert all(not set(SPLITS[a]) & set(SPLITS[b]) for a, b in combinations(SPLITS, 2))
    with pytest.raises(ValueError, match="test has 1000 sites"):
        sites("test", 1001)


@pytest.mark.requirement("detect.bench.splits")
def test_a_site_is_drawn_from_its_number_alone() -> None:
    """So that sites with different numbers are different plants, and the same number is the same plant."""
    first, other = sites("calibrate", 1)[0], sites("test", 1)[0]
    assert feeders("motors", first, 1.0).loads[1][0] == feeders("motors", first, 1.0).loads[1][0]
    assert feeders("motors", first, 1.0).loads[1][0] != feeders("motors", other, 1.0).loads[1][0]
    powers = [honest("hall", n, 1.0).samples(900.0).columns["active_power"].tolist() for n in (first, first, other)]
    assert powers[0] == powers[1] != powers[2]
