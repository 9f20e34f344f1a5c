"""The same seed gives the same registers and the same truth, at any speed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from stillcold_sim.plant import Plant, Record
from stillcold_sim.scenario import Scenario, find_scenario, load_scenario
from stillcold_sim.serve import serving

END = 40.0


def _truth(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{k: v for k, v in line.items() if k != "time"} for line in lines if line["t"] <= END]


async def _run(scenario: Scenario, speed: float, truth: Path, seed: int | None = None) -> list[dict[str, Any]]:
    async with serving(scenario, speed=speed, truth=truth, seed=seed) as served:
        await served.reached(END)
    return _truth(truth)


@pytest.mark.requirement("sim.same-seed-same-truth")
async def test_speed_changes_nothing_but_the_time(tmp_path: Path) -> None:
    """The demo at two speeds, and with another seed."""
    demo = load_scenario(find_scenario("demo"))
    slow, fast, other = await asyncio.gather(
        _run(demo, 40, tmp_path / "slow"),
        _run(demo, 400, tmp_path / "fast"),
        _run(demo, 400, tmp_path / "other", seed=99),
    )
    assert slow == fast
    assert len(slow) > 40 * 6
    assert slow != other


@pytest.mark.requirement("sim.same-seed-same-truth")
def test_registers_do_not_depend_on_how_time_was_cut() -> None:
    """Second by second, or in leaps."""
    demo = load_scenario(find_scenario("demo"))
    nothing: list[Record] = []
    smooth, leaps = Plant(demo, None, nothing.append), Plant(demo, None, nothing.append)
    for t in range(0, 71, 10):
        for part in range(10):
            smooth.advance(t - 9 + part if t else 0.0)
        leaps.advance(float(t))
        for meter in demo.file.meter:
            images = [plant.meters[meter.id].read(4, 0, 80) for plant in (smooth, leaps)]
            assert images[0] == images[1]
