"""Arc furnace and ladle furnace: three arcs that swing within a second.

An arc furnace takes 350 to 450 kWh/t; arcs into cold scrap swing, flicker and are never equal on the three phases, and
calm down over a flat bath. Harmonics are those that IEEE 519-1992 gives for melting (h5 4.2, h7 3.1 %) and refining
(h5 2.1 %). Power factors around 0.75 and the lengths of the stages are common knowledge of small furnaces.
"""

import math

import msgspec
from numpy.random import Generator

from stillcold_sim.loads.demand import Demand, Moment, Three, lagging
from stillcold_sim.loads.steady import Percent, Positive, PowerFactor, Share

_CALMING = 1.5  # s over which an arc forgets where it stood


class Stage(msgspec.Struct, frozen=True):
    """A part of a heat.

    Attributes
    ----------
    name : str
        For the truth.
    seconds : float
        s
    share : float
        Of the full power.
    wild : float
        Of the swing and the unbalance that arcs into cold scrap have.
    """

    name: str
    seconds: float
    share: float
    wild: float


_ARC = (
    Stage("bore", 180, 0.6, 1.0),
    Stage("melt", 1200, 1.0, 0.8),
    Stage("charge", 300, 0.0, 0.0),
    Stage("bore", 180, 0.6, 1.0),
    Stage("melt", 1200, 1.0, 0.7),
    Stage("refine", 900, 0.6, 0.2),
    Stage("tap", 600, 0.0, 0.0),
)
_LADLE = (
    Stage("heat", 480, 1.0, 1.0),
    Stage("sample", 240, 0.0, 0.0),
    Stage("heat", 420, 0.9, 0.7),
    Stage("sample", 240, 0.0, 0.0),
    Stage("heat", 300, 0.8, 0.6),
    Stage("tap", 900, 0.0, 0.0),
)


class ArcFurnace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="arc_furnace"):
    """An electric arc furnace that melts scrap.

    Attributes
    ----------
    power : float
        W with full arcs.
    tonnes : float
        t of a heat.
    energy : float
        Wh/t; the stages of a heat are stretched until it is in.
    power_factor : float
        Of the fundamental.
    swing : float
        Standard deviation of each arc into cold scrap, share of it.
    unbalance : float
        By which the arcs into cold scrap lastingly differ, share.
    current_thd : float
        % while melting.
    h5, h7 : float
        % while melting.
    sag : float
        Share of the voltage lost at full power.
    """

    power: Positive = 2.5e6
    tonnes: Positive = 5.0
    energy: Positive = 400e3
    power_factor: PowerFactor = 0.76
    swing: Share = 0.28
    unbalance: Share = 0.15
    current_thd: Percent = 11.2
    h5: Percent = 4.2
    h7: Percent = 3.1
    sag: Share = 0.04

    def begin(self, rng: Generator) -> "ArcRun":
        """The load at work."""
        return ArcRun(self, _ARC, rng)


class LadleFurnace(ArcFurnace, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="ladle_furnace"):
    """A ladle furnace: arcs under slag that keep steel hot, minutes at a time; 30 to 50 kWh/t."""

    power: Positive = 3e6
    tonnes: Positive = 20.0
    energy: Positive = 40e3
    power_factor: PowerFactor = 0.8
    swing: Share = 0.06
    unbalance: Share = 0.04
    current_thd: Percent = 5.0
    h5: Percent = 2.5
    h7: Percent = 1.5
    sag: Share = 0.03

    def begin(self, rng: Generator) -> "ArcRun":
        """The load at work."""
        return ArcRun(self, _LADLE, rng)


class ArcRun:
    """Three arcs at work, stage after stage."""

    def __init__(self, load: ArcFurnace, stages: tuple[Stage, ...], rng: Generator) -> None:
        self._load, self._stages, self._rng = load, stages, rng
        full = sum(s.seconds * s.share for s in stages) * load.power / 3600
        self._stretch = load.energy * load.tonnes / full
        self._stage: int | None = None
        self._until = 0.0
        self._arcs, self._lean = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]

    def step(self, moment: Moment, running: bool) -> Demand:
        """Its demand."""
        event = self._turn(moment.t, running)
        self._swing(moment.step)
        if self._stage is None or not self._stages[self._stage].share:
            return Demand(event=event)
        return self._demand(self._stages[self._stage], event)

    def _turn(self, t: float, running: bool) -> str:
        if not running:
            was, self._stage = self._stage, None
            return "" if was is None else "furnace_off"
        if self._stage is not None and t < self._until:
            return ""
        self._stage = 0 if self._stage is None else (self._stage + 1) % len(self._stages)
        stage = self._stages[self._stage]
        self._until = t + stage.seconds * (self._stretch if stage.share else 1.0)
        self._lean = self._rng.standard_normal(3).tolist()
        return f"{stage.name}_begins"

    def _swing(self, step: float) -> None:
        keep = math.exp(-step / _CALMING)
        fresh = math.sqrt(1 - keep * keep)
        self._arcs = [
            keep * a + fresh * n for a, n in zip(self._arcs, self._rng.standard_normal(3).tolist(), strict=True)
        ]

    def _demand(self, stage: Stage, event: str) -> Demand:
        load = self._load
        arcs = [
            # An arc that breaks takes nothing; one that is a short circuit hardly more power, only more current.
            min(1.4, max(0.02, 1 + stage.wild * (load.swing * arc + load.unbalance * lean)))
            for arc, lean in zip(self._arcs, self._lean, strict=True)
        ]
        power = load.power * stage.share * sum(arcs) / 3
        shares: Three = (arcs[0] / sum(arcs), arcs[1] / sum(arcs), arcs[2] / sum(arcs))
        calm = 0.5 + 0.5 * stage.wild
        return Demand(
            active_power=power,
            reactive_power=lagging(power, load.power_factor),
            shares=shares,
            current_thd=load.current_thd * calm,
            voltage_thd=0.25 * load.current_thd * calm * stage.share,
            harmonics={5: load.h5 * calm, 7: load.h7 * calm},
            distortion=math.sqrt(1 + (load.current_thd * calm / 100) ** 2) - 1,
            sag=load.sag * power / load.power,
            event=event,
        )
