"""Load models: what lines, sealed and legal, take from the grid; one file a family."""

from stillcold_sim.loads.arc import ArcFurnace, LadleFurnace
from stillcold_sim.loads.charger import Charger
from stillcold_sim.loads.combine import combine, summed, upstream
from stillcold_sim.loads.dead import Dead
from stillcold_sim.loads.demand import Demand, Moment, Run, State, electrical, quantities
from stillcold_sim.loads.forge import Forge
from stillcold_sim.loads.furnace import Furnace
from stillcold_sim.loads.grid import Grid
from stillcold_sim.loads.line_furnace import LineFurnace
from stillcold_sim.loads.mill import Mill
from stillcold_sim.loads.motor import Motor
from stillcold_sim.loads.office import Office
from stillcold_sim.loads.oven import Oven
from stillcold_sim.loads.pump import Pump
from stillcold_sim.loads.steady import Steady
from stillcold_sim.loads.together import Load, Sum
from stillcold_sim.loads.vfd import Vfd
from stillcold_sim.loads.welder import Welder

__all__ = [
    "ArcFurnace",
    "Charger",
    "Dead",
    "Demand",
    "Forge",
    "Furnace",
    "Grid",
    "LadleFurnace",
    "LineFurnace",
    "Load",
    "Mill",
    "Moment",
    "Motor",
    "Office",
    "Oven",
    "Pump",
    "Run",
    "State",
    "Steady",
    "Sum",
    "Vfd",
    "Welder",
    "combine",
    "electrical",
    "quantities",
    "summed",
    "upstream",
]
