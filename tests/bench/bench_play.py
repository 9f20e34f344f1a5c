"""How much faster than time fifty meters are played without a wire."""

import time
from pathlib import Path

import pytest

from stillcold_sim.judging.offline import play
from stillcold_sim.scenario import find_scenario, load_scenario

SECONDS = 600.0


@pytest.mark.parametrize("interval", [1.0, 10.0, 60.0])
def test_speed_up_of_fifty_meters(tmp_path: Path, interval: float) -> None:
    """Stepped once a simulated second, read so often, written to a file; CPU time, so that neighbours count less."""
    scenario = load_scenario(find_scenario("fifty-meters"))
    begun, wall = time.process_time(), time.monotonic()
    played = play(scenario, tmp_path / "m.csv", tmp_path / "t.jsonl", interval=interval, duration=SECONDS)
    took, waited = time.process_time() - begun, time.monotonic() - wall
    print(
        f"\n{len(scenario.meters)} meters, read every {interval:.0f} s: {SECONDS / took:.0f} times as fast as time "
        f"({SECONDS / waited:.0f} on the wall), {played.samples / took:.0f} readings/s"
    )
    assert played.samples == 50 * (SECONDS // interval + 1)
