"""A meter: it looks at its load, counts energy and shows registers."""

import math
import zlib
from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from stillcold_core.profiles import Profile, Register
from stillcold_core.quantities import PHASES
from stillcold_sim.loads import Grid, Moment, electrical, quantities
from stillcold_sim.loads.demand import Three
from stillcold_sim.registers import Image, encoded, spoiled
from stillcold_sim.scenario import Event, Fault, MeterPlan
from stillcold_sim.scenario.fault import ON_REGISTERS

_VOLTAGE_NOISE = 0.0007  # share; the last digit of a 0.1 V display flickers


class Refused(IntEnum):
    """Modbus exception with which a meter answers a request that it does not take."""

    FUNCTION = 1
    ADDRESS = 2
    VALUE = 3


class SimMeter:
    """A meter of a scenario.

    Parameters
    ----------
    plan : MeterPlan
        What it is and what happens to it.
    grid : Grid
        That its line hangs on.
    seed : int
        Of its random numbers, together with its id.

    Attributes
    ----------
    values : dict of str to float, or None
        What it shows since the last step, before rounding to registers; None while it does not answer at all.
    faults : list of Fault
        What goes wrong with it, and when.
    """

    def __init__(self, plan: MeterPlan, grid: Grid, seed: int) -> None:
        self.plan = plan
        self.values: dict[str, float] | None = None
        self.faults = list(plan.faults)
        self._grid = grid
        self._rng = np.random.default_rng([seed, *plan.spec.id.encode()])
        self._run = plan.spec.load.begin(self._rng) if plan.spec.load else None
        self._import, self._export = plan.spec.energy, plan.spec.energy_export
        self._fixed = _fixed(plan)
        self._space = _address_space(plan.profile)
        self._image: dict[int, Image] = {}
        self._spoiling: dict[Fault, dict[str, float]] = {}

    def step(self, moment: Moment) -> str:
        """Go on by one step; what the load began with it, or nothing."""
        values, event = self._look(moment)
        self._image = {}
        if values is not None:
            energy = {"active_energy_import": self._import, "active_energy_export": self._export}
            self._count(values.get("active_power", 0.0) * moment.step / 3600)
            values = self._fixed | energy | values
            for change in self.plan.events:
                if change.what == "set" and change.covers(moment.t):
                    values |= change.values
            self._add_ct_noise(values)
        self.values = values
        self._spoiling = {
            f: self._spoiling.get(f, values or {}) for f in self.faults if f.what in ON_REGISTERS and f.covers(moment.t)
        }
        return event

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
        image = self._shown(function)
        return [image.get(a, 0) for a in range(address, address + count)]

    def _look(self, moment: Moment) -> tuple[dict[str, float] | None, str]:
        if self.plan.recording:
            row = self.plan.recording.at(moment.t)
            return (None if row is None else dict(row)), ""
        if self._run is None:
            return {}, ""
        energised, running = switched(self.plan, moment.t)
        demand = self._run.step(moment, running and energised)
        state = electrical(
            demand, self._voltage(moment.t, energised), self._grid.frequency(moment.t), self.plan.spec.background_thd
        )
        return quantities(state), demand.event

    def _voltage(self, t: float, energised: bool) -> Three:
        a, b, c = (1 + _VOLTAGE_NOISE * self._rng.standard_normal(3)).tolist()
        level = self.plan.spec.voltage * self._grid.level(t) if energised else 0.0
        return level * a, level * b, level * c

    def _count(self, energy: float) -> None:
        self._import += max(0.0, energy)
        self._export += max(0.0, -energy)

    def _add_ct_noise(self, values: dict[str, float]) -> None:
        """Current that the transformers show beside the true one; added to the display only, never to the registers."""
        if not self.plan.spec.ct_noise:
            return
        for phase, noise in zip(PHASES, self._rng.standard_normal(3), strict=True):
            current = f"current_{phase}"
            values[current] = math.hypot(values.get(current, 0.0), self.plan.spec.ct_noise * float(noise))

    def _shown(self, function: int) -> Image:
        if function not in self._image:
            image = self._encoded(function, self.values or {})
            for fault, held in self._spoiling.items():
                stuck = self._encoded(function, held) if fault.what == "stuck" and held else {}
                image = spoiled(image, fault, self.plan.profile, function, stuck)
            self._image[function] = image
        return self._image[function]

    def _encoded(self, function: int, values: Mapping[str, float]) -> Image:
        return encoded(self.plan.profile, self.plan.spec.ratios, function, values)


def _silent_while_booting(fault: Fault, t: float) -> Fault:
    booting = fault.what == "reboot" and t < fault.booted
    return Fault(at=fault.at, what="silence", meter=fault.meter, port=fault.port) if booting else fault


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


def _fixed(plan: MeterPlan) -> dict[str, float]:
    """What the meter shows of itself."""
    spec = plan.spec
    serial = float(zlib.crc32(spec.id.encode()) % 10**8)
    return {"meter_serial": serial, "ct_ratio": spec.ratios.ct, "pt_ratio": spec.ratios.pt} | spec.values


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
