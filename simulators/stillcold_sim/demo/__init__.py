"""The demo: every part of Stillcold on one machine, with a story running through it."""

from stillcold_sim.demo.processes import Failed
from stillcold_sim.demo.stage import Stage, run_demo, staged

__all__ = ["Failed", "Stage", "run_demo", "staged"]
