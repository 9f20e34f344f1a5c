"""What hangs behind a meter: a load, its switch, and what feeds it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from stillcold_sim.loads import Demand, Moment
from stillcold_sim.loads.genset import Genset
from stillcold_sim.scenario import Event, MeterPlan
from stillcold_sim.scenario.evasion import OnGenset

_NOTHING = Demand()


class Supply(NamedTuple):
    """What feeds a conductor, before its own load pulls at it."""

    level: float
    """Voltage over nominal; 0 where there is none."""
    frequency: float
    """Hz"""
    distortion: float
    """Voltage THD that neighbours add, %."""


class Line:
    """The conductors behind one meter.

    Parameters
    ----------
    plan : MeterPlan
        Of the meter.
    rng : Generator
        Of the load.
    seed : int
        Of the scenario.

    Attributes
    ----------
    live : bool
        Whether there is voltage from the grid, since the last step.
    own : Demand
        What its own load takes.
    supply : tuple of float, or None
        Hz and voltage over nominal of a diesel set that feeds it; None where the grid does.
    """

    def __init__(self, plan: MeterPlan, rng: Generator, seed: int) -> None:
        self.live, self.own = False, _NOTHING
        self.supply: tuple[float, float] | None = None
        self._run = plan.spec.load.begin(rng) if plan.spec.load else None
        self._seed = [seed, 71, *plan.spec.id.encode()]
        self._sets: dict[OnGenset, Genset] = {}

    def draw(self, plan: MeterPlan, moment: Moment, fed: bool) -> None:
        """Go on by one step; ``fed`` says whether there is voltage upstream."""
        energised, running = switched(plan, moment.t)
        self.live = energised and fed
        genset = self._genset(plan, moment.t)
        powered = self.live or genset is not None
        if plan.recording:
            self.own = _recorded(plan.recording.at(moment.t))
        elif self._run is not None:
            demand = self._run.step(moment, running and powered)
            self.own = demand if powered else Demand(event=demand.event)
        self.supply = genset.step(moment.step, self.own.active_power) if genset else None

    @property
    def from_grid(self) -> Demand:
        """What the conductor upstream carries of it."""
        return _NOTHING if self.supply else self.own

    def _genset(self, plan: MeterPlan, t: float) -> Genset | None:
        for evasion in plan.evasions:
            if isinstance(evasion, OnGenset) and evasion.covers(t):
                if evasion not in self._sets:
                    rng = np.random.default_rng([*self._seed, int(evasion.begin)])
                    self._sets[evasion] = Genset(evasion.power, evasion.droop, evasion.wander, rng)
                return self._sets[evasion]
        return None


def switched(plan: MeterPlan, t: float) -> tuple[bool, bool]:
    """Whether there is voltage at ``t``, and whether the load is switched on; later events of the file win."""
    energised, running = plan.spec.energised, plan.spec.running
    for event in plan.events:
        if event.covers(t):
            energised, running = _switch(event, energised, running)
    return energised, running


def _switch(event: Event, energised: bool, running: bool) -> tuple[bool, bool]:
    match event.what:
        case "run":
            return True, True
        case "stop":
            return energised, False
        case "energise":
            return True, running
        case "cut":
            return False, running
        case "set":
            return energised, running


def _recorded(row: Mapping[str, float] | None) -> Demand:
    """What a conductor upstream carries of a recorded line."""
    if row is None:
        return _NOTHING
    return Demand(row.get("active_power", 0.0), row.get("reactive_power", 0.0), water=row.get("water_flow", 0.0))
