"""What a reader that polls a simulated meter would get, without a wire between them."""

from collections.abc import Iterator, Sequence

import numpy as np

from stillcold_core.profiles import Profile, Ratios, Read, decoder, plan_reads
from stillcold_core.readings import Absence, Value
from stillcold_sim.meter import Refused, SimMeter
from stillcold_sim.plant import Plant
from stillcold_sim.scenario import Fault, Port

_KEEPS_ANSWER = frozenset({"delay", "split", "stuck", "shifted", "swapped", "nan", "drop", "reboot"})
"""Faults under which a patient reader still gets a whole answer; for a reboot see below."""


class Reader:
    """Polls one meter through its profile, as an agent does.

    Parameters
    ----------
    meter : SimMeter
        The meter.
    port : Port
        Where it is reached.
    seed : int
        Of the chances of faults that hit a share of the requests.
    """

    def __init__(self, meter: SimMeter, port: Port, seed: int) -> None:
        self._meter, self._port = meter, port
        plan = meter.plan
        self._reads = [
            (read, tuple(_Place(plan.profile, plan.spec.ratios, read, n) for n in range(len(read.registers))))
            for read in plan_reads(plan.profile)
        ]
        self._rng = np.random.default_rng([seed, 1, *meter.plan.spec.id.encode()])

    def read(self, plant: Plant, t: float) -> dict[str, float]:
        """Values by quantity as the meter's registers show them at ``t``; what could not be read is left out."""
        if plant.refuses(self._port, t):
            return {}
        troubles = [f for f in self._meter.troubles(t) if f.what not in _KEEPS_ANSWER or self._moved(f)]
        values: dict[str, float] = {}
        for read, places in self._reads:
            if not self._lost(troubles, read):
                values.update(self._decoded(read, places))
        return values

    def _moved(self, fault: Fault) -> bool:
        """Whether the meter has another address since it was booted."""
        return fault.what == "reboot" and fault.unit not in {None, self._meter.plan.spec.unit}

    def _lost(self, troubles: Sequence[Fault], read: Read) -> bool:
        return any(
            f.meets(read.function, read.address, read.count) and (f.share >= 1 or self._rng.random() < f.share)
            for f in troubles
        )

    def _decoded(self, read: Read, places: Sequence["_Place"]) -> Iterator[tuple[str, float]]:
        words = self._meter.read(read.function, read.address, read.count)
        if not isinstance(words, Refused):
            for place in places:
                value = place.value(words)
                if not isinstance(value, Absence):
                    yield place.quantity, value


class _Place:
    """One register in the words of a read; it remembers its last value, which of a dead line seldom changes."""

    def __init__(self, profile: Profile, ratios: Ratios, read: Read, number: int) -> None:
        register, at = read.registers[number]
        self.quantity = register.quantity
        self._decode = decoder(profile, register, ratios)
        self._slice = slice(at, at + register.words)
        self._words: list[int] | None = None
        self._value: Value = Absence.NOT_SUPPORTED

    def value(self, words: list[int]) -> Value:
        """What it says."""
        mine = words[self._slice]
        if mine != self._words:
            self._words, self._value = mine, self._decode(mine)
        return self._value
