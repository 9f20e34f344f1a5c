"""A line that takes nothing."""

import msgspec
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment


class Dead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="dead"):
    """A sealed line that stays dead, whatever is switched."""

    def begin(self, _rng: Generator) -> "Nothing":
        """The load at work."""
        return Nothing()


class Nothing:
    """Takes nothing."""

    def step(self, _moment: Moment, _running: bool) -> Demand:
        """No demand."""
        return Demand()
