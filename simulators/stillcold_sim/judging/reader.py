"""What a reader that polls a simulated meter would get, without a wire between them."""

from collections.abc import Sequence

import numpy as np

from stillcold_core.profiles import Read, decode, plan_reads
from stillcold_core.readings import Absence
from stillcold_sim.meter import Refused, SimMeter
from stillcold_sim.plant import Plant
from stillcold_sim.scenario import Fault, Port

_KEEPS_ANSWER = frozenset({"delay", "split", "stuck", "shifted", "swapped", "nan", "drop"})
"""Faults under which a patient reader still gets a whole answer."""


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
        self._reads = plan_reads(meter.plan.profile)
        self._rng = np.random.default_rng([seed, 1, *meter.plan.spec.id.encode()])

    def read(self, plant: Plant, t: float) -> dict[str, float]:
        """Values by quantity as the meter's registers show them at ``t``; what could not be read is left out."""
        if plant.refuses(self._port, t):
            return {}
        troubles = [f for f in self._meter.troubles(t) if f.what not in _KEEPS_ANSWER]
        values: dict[str, float] = {}
        for read in self._reads:
            if not self._lost(troubles, read):
                values |= self._decoded(read)
        return values

    def _lost(self, troubles: Sequence[Fault], read: Read) -> bool:
        return any(
            f.meets(read.function, read.address, read.count) and (f.share >= 1 or self._rng.random() < f.share)
            for f in troubles
        )

    def _decoded(self, read: Read) -> dict[str, float]:
        words = self._meter.read(read.function, read.address, read.count)
        if isinstance(words, Refused):
            return {}
        plan = self._meter.plan
        decoded = {
            r.quantity: decode(plan.profile, r, words[at : at + r.words], plan.spec.ratios) for r, at in read.registers
        }
        return {q: v for q, v in decoded.items() if not isinstance(v, Absence)}
