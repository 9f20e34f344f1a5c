"""Control of a running simulation: a REST API and one page."""

from stillcold_sim.control.server import Control, controlled

__all__ = ["Control", "controlled"]
