"""The demo: every part of Stillcold on one machine, with a story running through it."""

from stillcold_sim.demo.processes import Failed
from stillcold_sim.demo.stage import run_demo

__all__ = ["Failed", "run_demo"]
