"""The loads there are, and several of them behind one meter."""

from typing import Annotated

import msgspec
from msgspec import Meta
from numpy.random import Generator

from stillcold_sim.loads.arc import ArcFurnace, LadleFurnace
from stillcold_sim.loads.charger import Charger
from stillcold_sim.loads.combine import combine
from stillcold_sim.loads.dead import Dead
from stillcold_sim.loads.demand import Demand, Moment
from stillcold_sim.loads.forge import Forge
from stillcold_sim.loads.furnace import Furnace
from stillcold_sim.loads.line_furnace import LineFurnace
from stillcold_sim.loads.mill import Mill
from stillcold_sim.loads.motor import Motor
from stillcold_sim.loads.office import Office
from stillcold_sim.loads.oven import Oven
from stillcold_sim.loads.pump import Pump
from stillcold_sim.loads.steady import Steady
from stillcold_sim.loads.vfd import Vfd
from stillcold_sim.loads.welder import Welder

Single = (
    Dead | Steady | Office | Motor | Furnace | LineFurnace | ArcFurnace | LadleFurnace | Forge | Oven | Mill | Vfd
    | Welder | Charger | Pump
)  # fmt: skip


class Sum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sum"):
    """Several loads, switched by one switch.

    Attributes
    ----------
    of : sequence of loads
        What they are.
    """

    of: Annotated[tuple[Single, ...], Meta(min_length=1, max_length=20)]

    def begin(self, rng: Generator) -> "SumRun":
        """The load at work."""
        return SumRun(self, rng)


class SumRun:
    """Several loads at work."""

    def __init__(self, load: Sum, rng: Generator) -> None:
        self._runs = [part.begin(rng) for part in load.of]

    def step(self, moment: Moment, running: bool) -> Demand:
        """Their demand."""
        return combine([run.step(moment, running) for run in self._runs])


Load = Single | Sum
