"""What evidence for a furnace is made of, whichever signal it rests on: what a heat can be, and weights added up.

Each weight is a natural logarithm of how much likelier the thing seen is with a furnace than with a legal load; their
sum is compared with a threshold, as in Wald's sequential test (1945). The weights are rounded from simulated feeders.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import msgspec

from stillcold_core.detect.melt import Melt

Kind = Literal["induction", "line_frequency"]
Weights = Sequence[tuple[str, float]]
"""What spoke, and with which weight."""
DAY = 86400.0
_AGAIN = (1.0, 1 / 3, 0.0)  # of its weight that a first, a second and a later heat's own looks have


class Run(Protocol):
    """Something that ran for a while, as it is compared with a heat."""

    @property
    def began(self) -> float: ...
    @property
    def ended(self) -> float: ...
    @property
    def lasted(self) -> float: ...
    @property
    def ramp(self) -> float: ...
    @property
    def power(self) -> float: ...
    @property
    def energy(self) -> float: ...


R = TypeVar("R", bound=Run)


@dataclass(frozen=True, slots=True)
class MeltLimits:
    """What a furnace's heat can be.

    Attributes
    ----------
    power : float
        W on the plateau, at least; the smallest furnace of the field takes 350 kW.
    energy : float
        Wh, at least.
    shortest, longest : float
        s from its beginning to its end.
    converter : float
        VA of distortion that a W brings where a converter takes it, at least; 12 pulses give 0.12, 6 about 0.28.
    converter_most : float
        The same above which it is no furnace's.
    wander : float
        Change of the phases' unbalance from minute to minute, share of the power, from which on a single-phase coil
        with balancing takes it.
    repeat : float
        s from the end of one heat to the beginning of the next, at most, for them to belong together.
    memory : float
        s that steady heaters are remembered.
    """

    power: float = 120e3
    energy: float = 80e3
    shortest: float = 1500.0
    longest: float = 2.75 * 3600
    converter: float = 0.08
    converter_most: float = 0.6
    wander: float = 0.001
    repeat: float = 12 * 3600.0
    memory: float = 30 * DAY


class Weighed(msgspec.Struct, frozen=True):
    """Evidence and what it is made of.

    Attributes
    ----------
    score : float
        Sum of the weights.
    parts : tuple of pairs
        What spoke and with which weight, of all heats together.
    """

    score: float
    parts: tuple[tuple[str, float], ...]


def alike(heats: Sequence[Melt], slow: bool) -> tuple[tuple[Melt, ...], int]:
    """Those of the heats whose plateau is that of the last one, and how many others stand between them."""
    last, most = heats[-1], 0.06 if slow else 0.15
    near = [i for i, h in enumerate(heats) if apart(h, last) <= most]
    return tuple(heats[i] for i in near), len(heats) - near[0] - len(near)


def again(number: int) -> float:
    """Share of its weight that what heat ``number`` looks like has: shown again, it is no new witness."""
    return _AGAIN[min(number, 2)]


def heat_sized(run: Run, limits: MeltLimits) -> bool:
    """Whether something ran with the power, for the energy and as long as a heat; linings are sintered for hours."""
    if run.power < limits.power or run.energy < limits.energy or run.lasted < limits.shortest:
        return False
    return run.lasted <= limits.longest or run.ramp >= 0.4 * run.lasted


def together(heats: tuple[R, ...], heat: R, limits: MeltLimits) -> tuple[R, ...]:
    """Those heats that another one may belong to."""
    return heats if heats and heat.began - heats[-1].ended <= limits.repeat else ()


def added(
    total: dict[str, float], heats: Sequence[R], alone: Callable[[R], Weights], repeated: Callable[[R, R], Weights]
) -> None:
    """Add to weights by name what each heat looks like, and what it has of the one before it."""
    for i, heat in enumerate(heats):
        for name, weight in alone(heat):
            # What one load shows again is no new witness.
            total[name] = total.get(name, 0.0) + weight * again(i)
        for name, weight in repeated(heats[i - 1], heat) if i else ():
            total[name] = total.get(name, 0.0) + weight


def graded(difference: float, weights: Sequence[tuple[float, float]]) -> float:
    """The weight of the first limit that a difference does not exceed."""
    return next(weight for most, weight in weights if difference <= most)


def apart(one: Melt, other: Melt) -> float:
    """Difference of two plateaus, share of the power, where the other loads moved in between or not."""
    power = one.power - other.power
    return min(abs(power), abs(power + one.floor - other.floor)) / other.power


def summed(total: dict[str, float]) -> Weighed:
    """Evidence of the weights by name."""
    return Weighed(sum(total.values()), tuple((name, round(weight, 2)) for name, weight in total.items() if weight))
