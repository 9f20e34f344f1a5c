"""Load models: what lines, sealed and legal, take from the grid; one file a family."""

from stillcold_sim.loads.dead import Dead
from stillcold_sim.loads.demand import Demand, Moment, Run, State, electrical, quantities
from stillcold_sim.loads.furnace import Furnace
from stillcold_sim.loads.grid import Grid
from stillcold_sim.loads.motor import Motor
from stillcold_sim.loads.office import Office
from stillcold_sim.loads.steady import Steady

Load = Dead | Steady | Office | Motor | Furnace

__all__ = [
    "Dead",
    "Demand",
    "Furnace",
    "Grid",
    "Load",
    "Moment",
    "Motor",
    "Office",
    "Run",
    "State",
    "Steady",
    "electrical",
    "quantities",
]
