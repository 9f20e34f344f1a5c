"""What a load asks of the grid, and the electrical state that follows from it."""

import cmath
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stillcold_core.quantities import HARMONIC_ORDERS, LINE_PAIRS, PHASES

Three = tuple[float, float, float]
EVEN: Three = (1 / 3, 1 / 3, 1 / 3)
NONE: Three = (0.0, 0.0, 0.0)

_TURNS = (1 + 0j, cmath.rect(1.0, -2 * math.pi / 3), cmath.rect(1.0, 2 * math.pi / 3))

# Put together once: every meter asks for them at every step. The order is that of quantities().
_NAMES = (
    *("active_power", "reactive_power", "apparent_power", "power_factor", "frequency", "current_n"),
    *(f"{stem}_{p}" for stem in ("voltage", "current", "active_power", "current_thd", "voltage_thd") for p in PHASES),
    *(f"current_h{order}_{p}" for p in PHASES for order in HARMONIC_ORDERS),
    *(f"voltage_{pair}" for pair in LINE_PAIRS),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of simulated time.

    Attributes
    ----------
    t : float
        s since the scenario began.
    step : float
        s that the step lasts.
    time_of_day : float
        s since local midnight.
    """

    t: float
    step: float
    time_of_day: float


@dataclass(frozen=True, slots=True)
class Demand:
    """What a load takes during one step.

    Attributes
    ----------
    active_power, reactive_power : float
        W and var of the fundamental, three phases together; negative var are a capacitor's.
    shares : tuple of three float
        Of the phases in both; they add up to 1. One is negative where phases trade power.
    reactive_shift : tuple of three float
        var by which the phases differ from their share of the reactive power; they add up to 0.
    current_thd : float
        %
    voltage_thd : float
        %, added to what the grid has.
    harmonics : mapping of int to float
        Current harmonics by their order, % of the fundamental.
    distortion : float
        U·I / √(P² + Q²) - 1: current that a meter's kVA does not show.
    sag : float
        Share of the voltage that the load pulls it down by.
    water : float
        m³/h that it draws from the water main.
    event : str
        What began with this step, for the truth file; mostly nothing.
    """

    active_power: float = 0.0
    reactive_power: float = 0.0
    shares: Three = EVEN
    reactive_shift: Three = NONE
    current_thd: float = 0.0
    voltage_thd: float = 0.0
    harmonics: Mapping[int, float] = field(default_factory=dict)
    distortion: float = 0.0
    sag: float = 0.0
    water: float = 0.0
    event: str = ""

    @property
    def reactive(self) -> Three:
        """var of each phase."""
        q = self.reactive_power
        return _three(q * s + c for s, c in zip(self.shares, self.reactive_shift, strict=True))


def lagging(power: float, factor: float) -> float:
    """var of a load of ``power`` W whose fundamental has a lagging power factor ``factor``.

    Examples
    --------
    >>> round(lagging(80.0, 0.8), 6)
    60.0
    """
    return power * math.tan(math.acos(factor))


class Run(Protocol):
    """A load at work. Steps come in order and without a gap."""

    def step(self, moment: Moment, running: bool, /) -> Demand:
        """What it takes during this step; ``running`` says whether somebody has it switched on."""


@dataclass(frozen=True, slots=True)
class State:
    """What a perfect meter would find on the three conductors; units of the vocabulary."""

    voltage: Three
    frequency: float
    current: Three
    current_n: float
    active_power: Three
    reactive_power: float
    current_thd: float
    voltage_thd: float
    harmonics: Mapping[int, float]


_DEAD = State(NONE, 0.0, NONE, 0.0, NONE, 0.0, 0.0, 0.0, {})


def electrical(demand: Demand, voltage: Three, frequency: float, background_thd: float) -> State:
    """Electrical state of a load on a grid.

    Parameters
    ----------
    voltage : tuple of three float
        V phase to neutral, before the load's own sag; all 0 where the conductor is dead, and so is the load then.
    frequency : float
        Hz
    background_thd : float
        Voltage THD without the load, %.
    """
    if not any(voltage):
        return _DEAD
    sagged = _three(v * (1 - demand.sag) for v in voltage)
    power = _three(demand.active_power * s for s in demand.shares)
    reactive, rms = demand.reactive, 1 + demand.distortion
    current = _three(math.hypot(p, q) * rms / v for p, q, v in zip(power, reactive, sagged, strict=True))
    return State(
        voltage=sagged,
        frequency=frequency,
        current=current,
        # Phases with one power factor flow at 120° to each other; a load between two of them does not.
        current_n=vector_sum(current) if demand.reactive_shift == NONE else _neutral(power, reactive, sagged) * rms,
        active_power=power,
        reactive_power=demand.reactive_power,
        current_thd=demand.current_thd,
        voltage_thd=background_thd + demand.voltage_thd,
        harmonics=demand.harmonics,
    )


def quantities(state: State) -> dict[str, float]:
    """The state in the vocabulary's words; energy is the meter's to count.

    A meter's apparent power is √(P² + Q²), without distortion, as the common ones show it.
    """
    if state is _DEAD:
        return dict.fromkeys(_NAMES, 0.0)
    active = sum(state.active_power)
    apparent = math.hypot(active, state.reactive_power)
    a, b, c = state.voltage
    harmonics = [state.harmonics.get(order, 0.0) for order in HARMONIC_ORDERS]
    values = (
        *(active, state.reactive_power, apparent, active / apparent if apparent else 0.0),
        *(state.frequency, state.current_n),
        *(*state.voltage, *state.current, *state.active_power),
        *(*[state.current_thd] * 3, *[state.voltage_thd] * 3),
        *(*harmonics, *harmonics, *harmonics),
        *(between(a, b), between(b, c), between(c, a)),
    )
    return dict(zip(_NAMES, values, strict=True))


def _three(values: Iterable[float]) -> Three:
    a, b, c = values
    return a, b, c


def vector_sum(current: Three) -> float:
    """A in the neutral, of three currents 120° apart; a negative one flows backwards."""
    a, b, c = current
    return math.sqrt(max(0.0, a * a + b * b + c * c - a * b - b * c - c * a))


def _neutral(power: Three, reactive: Three, voltage: Three) -> float:
    """A in the neutral, from the powers of the phases."""
    currents = (complex(p, -q) / v for p, q, v in zip(power, reactive, voltage, strict=True))
    return abs(sum(i * turn for i, turn in zip(currents, _TURNS, strict=True)))


def between(a: float, b: float) -> float:
    """Voltage between two phases 120° apart."""
    return math.sqrt(a * a + b * b + a * b)
