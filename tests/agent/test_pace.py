"""How fast a backlog leaves."""

import pytest

from stillcold_agent.uplink.pace import Pace


@pytest.mark.requirement("agent.uplink.pace")
@pytest.mark.parametrize("rate", [0.5, 50.0, 333.0])
def test_a_backlog_leaves_at_its_rate(rate: float) -> None:
    """After a window at once, however often somebody looks; a long silence saves up no more than a window."""
    pace, now, sent = Pace(rate, 16), 1000.0, 0
    while now < 1000 + 100 / rate:
        while pace.available(now):
            pace.take()
            sent += 1
        now += max(pace.next_in(now), 1e-4)
    assert 114 <= sent <= 117
    assert pace.available(now + 1e6) == 16
    assert pace.next_in(now + 1e6) == 0
