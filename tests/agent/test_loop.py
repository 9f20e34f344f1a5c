"""The event loop that the agent runs in."""

import time

import pytest

from stillcold_agent import loop


@pytest.mark.requirement("agent.loop.no-less")
@pytest.mark.parametrize("seconds", [0.0, 0.0004, 0.0011, 0.00175, 0.0101])
async def test_a_sleep_is_no_shorter_than_it_should_be(seconds: float) -> None:
    """A meter's slot has begun when it is over, though the loop's timers count milliseconds."""
    for _ in range(50):
        began = time.monotonic()
        await loop.sleep(seconds)
        assert time.monotonic() - began >= seconds
