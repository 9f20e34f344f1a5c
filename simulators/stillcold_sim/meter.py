"""A meter: it looks at its load, counts energy and shows registers."""

import math
from enum import IntEnum

import numpy as np

from stillcold_core.profiles import Profile, Register
from stillcold_core.quantities import PHASES
from stillcold_sim.line import Line, Supply
from stillcold_sim.loads import Demand, Moment, electrical, quantities
from stillcold_sim.loads.demand import Three
from stillcold_sim.registers import Image, RegisterMap, spoiled
from stillcold_sim.scenario import Fault, MeterPlan
from stillcold_sim.scenario.evasion import ClockShifted
from stillcold_sim.scenario.fault import ON_REGISTERS
from stillcold_sim.tampering import Values
from stillcold_sim.works import Works

_CURRENTS = tuple(f"current_{p}" for p in PHASES)
_VOLTAGE_NOISE = 0.0007  # share; the last digit of a 0.1 V display flickers


class Refused(IntEnum):
    """Modbus exception with which a meter answers a request that it does not take."""

    FUNCTION = 1
    ADDRESS = 2
    VALUE = 3
    BUSY = 6


class SimMeter:
    """A meter of a scenario.

    Parameters
    ----------
    plan : MeterPlan
        What it is and what happens to it.
    seed : int
        Of its random numbers, together with its id.

    Attributes
    ----------
    line : Line
        What hangs behind it.
    values : dict of str to float, or None
        What it shows since the last step, before rounding to registers; None while it does not answer at all.
    power : float
        W that its conductors truly carry since the last step, whatever it shows.
    faults : list of Fault
        What goes wrong with it, and when.
    """

    def __init__(self, plan: MeterPlan, seed: int) -> None:
        self.plan = plan
        self.values: Values | None = None
        self.power = 0.0
        self.faults = list(plan.faults)
        self._rng = np.random.default_rng([seed, *plan.spec.id.encode()])
        self.line = Line(plan, self._rng, seed)
        self._works = Works(plan.spec, plan.profile)
        self._space = _address_space(plan.profile)
        self._map = RegisterMap(plan.profile, plan.spec.ratios)
        self._image: dict[int, Image] = {}
        self._answers: dict[tuple[int, int, int], list[int]] = {}  # of this step; masters ask for the same again
        self._spoiling: dict[Fault, Values] = {}
        self._busy = False

    def show(self, moment: Moment, demand: Demand, supply: Supply) -> None:
        """Go on by one step, in which its conductors carry ``demand`` from ``supply``."""
        true = self._true(moment.t, demand, supply)
        self.power = demand.active_power
        self._image, self._answers = {}, {}
        self.values = None if true is None else self._displayed(moment, true)
        self._busy = self.plan.spec.busy is not None and self.plan.spec.busy.covers(moment.t)
        self._spoiling = {
            f: self._spoiling.get(f, self.values or {})
            for f in self.faults
            if f.what in ON_REGISTERS and f.covers(moment.t)
        }

    def clock_error(self, t: float) -> float:
        """s by which the clock of what reads it is wrong at ``t``."""
        return sum(e.shift for e in self.plan.evasions if isinstance(e, ClockShifted) and e.covers(t))

    def troubles(self, t: float) -> tuple[Fault, ...]:
        """The faults at ``t``."""
        if self.values is None:
            return (Fault(at=0, what="silence", meter=self.plan.spec.id),)
        return tuple(_silent_while_booting(f, t) for f in self.faults if f.covers(t))

    def read(self, function: int, address: int, count: int) -> list[int] | Refused:
        """Registers (or bits), or why not.

        A meter takes what its profile allows: reads within a block of registers whose gaps are no wider than
        ``max_gap``, unused ones being 0, and no more than ``max_registers`` at once.
        """
        if function not in self._space:
            return Refused.FUNCTION
        if not 1 <= count <= self.plan.profile.max_registers:
            return Refused.VALUE
        if not any(first <= address and address + count <= end for first, end in self._space[function]):
            return Refused.ADDRESS
        if self._busy:
            return Refused.BUSY if self.plan.spec.busy and self.plan.spec.busy.answer == "exception" else [0] * count
        asked = function, address, count
        if asked not in self._answers:
            image = self._shown(function)
            self._answers[asked] = [image.get(a, 0) for a in range(address, address + count)]
        return self._answers[asked]

    def _true(self, t: float, demand: Demand, supply: Supply) -> Values | None:
        """What is behind it, as a perfect meter would find it; None where nobody read the recorded one."""
        spec = self.plan.spec
        if self.plan.recording:
            row = self.plan.recording.at(t)
            return None if row is None else dict(row)
        if spec.load is None and not spec.sums:
            return {}
        state = electrical(
            demand, self._voltage(supply.level), supply.frequency, spec.background_thd + supply.distortion
        )
        return quantities(state) | {"water_flow": demand.water}

    def _voltage(self, level: float) -> Three:
        a, b, c = self._rng.standard_normal(3).tolist()
        level *= self.plan.spec.voltage
        noise = level * _VOLTAGE_NOISE
        return level + noise * a, level + noise * b, level + noise * c

    def _displayed(self, moment: Moment, true: Values) -> Values:
        values = self._works.known(moment, true, self.plan.evasions)
        self._add_ct_noise(values)
        values = self._works.shown(moment, values, self.plan.evasions)
        for change in self.plan.events:
            if change.what == "set" and change.covers(moment.t):
                values |= change.values
        return values

    def _add_ct_noise(self, values: Values) -> None:
        """Current that the transformers show beside the true one; added to the display only, never to the registers."""
        if not self.plan.spec.ct_noise:
            return
        for current, noise in zip(_CURRENTS, self._rng.standard_normal(3).tolist(), strict=True):
            values[current] = math.hypot(values.get(current, 0.0), self.plan.spec.ct_noise * noise)

    def _shown(self, function: int) -> Image:
        if function not in self._image:
            image = self._map.image(function, self.values or {})
            for fault, held in self._spoiling.items():
                stuck = self._map.image(function, held) if fault.what == "stuck" and held else {}
                image = spoiled(image, fault, self.plan.profile, function, stuck)
            self._image[function] = image
        return self._image[function]


def _silent_while_booting(fault: Fault, t: float) -> Fault:
    booting = fault.what == "reboot" and t < fault.booted
    return Fault(at=fault.at, what="silence", meter=fault.meter, port=fault.port) if booting else fault


def _address_space(profile: Profile) -> dict[int, list[tuple[int, int]]]:
    """Blocks of addresses that can be read, first and one past the last, by function."""
    space: dict[int, list[tuple[int, int]]] = {}

    def place(register: Register) -> tuple[int, int]:
        return profile.function_of(register), profile.wire_address(register)

    for register in sorted(profile.register, key=place):
        function, first = place(register)
        blocks = space.setdefault(function, [])
        if blocks and first - blocks[-1][1] <= profile.max_gap:
            first, _ = blocks.pop()
        blocks.append((first, profile.wire_address(register) + register.words))
    return space
