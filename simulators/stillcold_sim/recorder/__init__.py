"""Taking a running meter down to a file that replays, and replaying it."""

from stillcold_sim.recorder.record import Tally, record
from stillcold_sim.recorder.sheet import open_sheet

__all__ = ["Tally", "open_sheet", "record"]
